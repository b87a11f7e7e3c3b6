import type { AgentCreateParams } from '@anthropic-ai/sdk/resources/beta/agents/agents'
import { z } from 'zod'
import { canonicalJson, digestOf } from '#lib/core/canonical-json.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { AgentLayer } from '#lib/registry/schema.ts'
import {
  escalateInput,
  escalateToolName,
  parameterProblem,
  type ParameterValue,
  type RenderedAgent,
  type RenderedTool,
  type TemplateManifest,
} from './schema.ts'

/** Where a template's prompt takes the team's own words. */
export const layerSlot = '{{team_layer}}'

export type ParameterProblem = { field: string; message: string }

/** Every wrong parameter at once; `field` is `parameters.<name>` and the message names it by its title. Missing ones take their default. */
export function checkParameters(
  manifest: TemplateManifest,
  parameters: Readonly<Record<string, ParameterValue>>,
): ParameterProblem[] {
  return Object.entries(parameters).flatMap(([name, value]) => {
    const field = `parameters.${name}`
    const definition = Object.hasOwn(manifest.parameters, name) ? manifest.parameters[name] : undefined
    if (!definition) {
      const known = Object.keys(manifest.parameters).join(', ') || 'none'
      return [{ field, message: `${manifest.name} has no parameter ${name}. It has: ${known}.` }]
    }
    const problem = parameterProblem(definition, value)
    return problem ? [{ field, message: `${definition.title} (${name}) ${problem}` }] : []
  })
}

/** All parameters of the template: the team's values over the defaults. */
export function effectiveParameters(
  manifest: TemplateManifest,
  parameters: Readonly<Record<string, ParameterValue>>,
): Record<string, ParameterValue> {
  const defaults = Object.entries(manifest.parameters).map(([name, definition]) => [name, definition.default] as const)
  return { ...Object.fromEntries(defaults), ...parameters }
}

/**
 * What an agent version is: the same template version, layer and servers give the same bytes and the same digest.
 * `servers` adds MCP servers that the agent holds scopes for beyond the template's own.
 * Throws `invalid` with `details.problems` when a parameter is wrong.
 */
export function renderAgentVersion(input: {
  template: { manifest: TemplateManifest; prompt: string }
  layer: AgentLayer
  servers?: readonly string[]
}): { rendered: RenderedAgent; digest: string } {
  const { manifest, prompt } = input.template
  const problems = checkParameters(manifest, input.layer.parameters)
  if (problems[0]) throw new DomainError('invalid', problems[0].message, { field: problems[0].field, problems })

  const parameters = effectiveParameters(manifest, input.layer.parameters)
  const servers = [...new Set([...manifest.scopes.map((scope) => scope.server), ...(input.servers ?? [])])].toSorted()
  const rendered: RenderedAgent = {
    system: renderSystem({ manifest, prompt, parameters, layer: input.layer.prompt }),
    model: manifest.model.id,
    tools: [builtInToolset(manifest), ...servers.map(mcpToolset), escalateTool],
    mcpServers: servers.map((name) => ({ name, path: `/mcp/${name}` })),
    limits: { ...manifest.harness, sandbox: manifest.sandbox.limits },
  }
  return { rendered, digest: digestOf(rendered) }
}

/** The part of a rendered version that the Managed Agents API takes, with the broker's address filled in. */
export function toClaudeAgent(
  rendered: RenderedAgent,
  brokerUrl: string,
): Required<Pick<AgentCreateParams, 'system' | 'model' | 'tools' | 'mcp_servers' | 'multiagent'>> {
  return {
    system: rendered.system,
    model: rendered.model,
    tools: rendered.tools,
    mcp_servers: rendered.mcpServers.map(({ name, path }) => ({ type: 'url', name, url: `${brokerUrl}${path}` })),
    // Without this an agent could start inline agents that nobody registered.
    multiagent: null,
  }
}

/** The template that a system prompt was rendered from; null when its first line does not say. */
export function templateOfSystem(system: string): { id: string; version: string } | null {
  const match = /^template: ([a-z][a-z0-9-]*)@(\d+\.\d+\.\d+)(?:\r?\n|$)/.exec(system)
  return match ? { id: match[1]!, version: match[2]! } : null
}

/** The placeholders of a prompt that are neither a parameter nor the team's slot. */
export function unknownPlaceholders(manifest: TemplateManifest, prompt: string): string[] {
  const known = new Set(['team_layer', ...Object.keys(manifest.parameters)])
  return [...prompt.matchAll(placeholder)].map((match) => match[1]!).filter((name) => !known.has(name))
}

const placeholder = /\{\{([a-z][a-z0-9_]*)\}\}/g

/** The first line names the template: a team's layer comes after it, so it cannot pass itself off as another template. */
function renderSystem(parts: {
  manifest: TemplateManifest
  prompt: string
  parameters: Record<string, ParameterValue>
  layer: string
}): string {
  const values: Record<string, ParameterValue> = {
    ...parts.parameters,
    team_layer: parts.layer.trim() || 'Your team has added nothing.',
  }
  // One pass: what a value contains is never expanded again.
  const body = parts.prompt.replaceAll(placeholder, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  )
  const { id, version } = parts.manifest
  return `template: ${id}@${version}\nparameters: ${canonicalJson(parts.parameters)}\n\n${body.trim()}\n`
}

/** A bare toolset would mean every tool, always allowed: so the default is off and each tool is named. */
function builtInToolset(manifest: TemplateManifest): RenderedTool {
  return {
    type: 'agent_toolset_20260401',
    default_config: { enabled: false, permission_policy: { type: 'always_ask' } },
    configs: manifest.sandbox.tools.map((name) => ({
      name,
      enabled: true,
      permission_policy: { type: 'always_allow' },
    })),
  }
}

/** The broker decides each call, so Claude need not ask. */
function mcpToolset(server: string): RenderedTool {
  return {
    type: 'mcp_toolset',
    mcp_server_name: server,
    default_config: { enabled: true, permission_policy: { type: 'always_allow' } },
  }
}

const { $schema: _, ...escalateSchema } = z.toJSONSchema(escalateInput)

const escalateTool: RenderedTool = {
  type: 'custom',
  name: escalateToolName,
  description:
    'Brings something to a person: a finding, a decision you must not take, something urgent, or that you are blocked. One call for each thing.',
  input_schema: { ...escalateSchema, type: 'object' },
}
