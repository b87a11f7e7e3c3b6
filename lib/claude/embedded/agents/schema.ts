import { z } from 'zod'
import { metadata, metadataPatch } from '../http/metadata.ts'
import { listPriceOf } from '../list-prices.ts'

/** The built-in tools a worker can run. The API's two web tools are executed by Anthropic itself; this server has no such executor. */
export const sandboxTools = ['bash', 'read', 'write', 'edit', 'glob', 'grep'] as const
export type SandboxTool = (typeof sandboxTools)[number]

const policy = z.object({
  type: z.enum(
    ['always_allow', 'always_ask'],
    'Use always_allow or always_ask; this server cannot judge calls (auto).',
  ),
})
const toolName = z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, 'Use 1 to 128 letters, digits, underscores and hyphens.')
const defaultConfig = z.object({ enabled: z.boolean().nullish(), permission_policy: policy.nullish() }).nullish()
const mcpServerName = z.string().min(1).max(255)

const agentToolset = z.object({
  type: z.literal('agent_toolset_20260401'),
  configs: z
    .array(
      z.object({
        name: z.enum(
          sandboxTools,
          `Use one of ${sandboxTools.join(', ')}; web_fetch and web_search are not available on this server.`,
        ),
        type: z.string().optional(),
        enabled: z.boolean().nullish(),
        permission_policy: policy.nullish(),
      }),
    )
    .default([]),
  default_config: defaultConfig,
})

const mcpToolset = z.object({
  type: z.literal('mcp_toolset'),
  mcp_server_name: mcpServerName,
  configs: z
    .array(
      z.object({
        name: z.string().min(1).max(128),
        enabled: z.boolean().nullish(),
        permission_policy: policy.nullish(),
      }),
    )
    .default([]),
  default_config: defaultConfig,
})

const customTool = z.object({
  type: z.literal('custom'),
  name: toolName,
  description: z.string().min(1),
  input_schema: z.looseObject({
    type: z.literal('object'),
    properties: z.record(z.string(), z.unknown()).nullish(),
    required: z.array(z.string()).nullish(),
  }),
})

const effortLevel = z.enum(['low', 'medium', 'high', 'xhigh', 'max'])
const model = z.union([
  z.string().min(1),
  z.object({
    id: z.string().min(1),
    effort: z.union([effortLevel, z.object({ type: effortLevel })]).nullish(),
    inference_geo: z.string().nullish(),
    speed: z.literal('standard', 'Only standard is available on this server.').nullish(),
  }),
])

const tools = z.array(z.discriminatedUnion('type', [agentToolset, mcpToolset, customTool])).max(256)
const mcpServers = z
  .array(z.object({ type: z.literal('url'), name: mcpServerName, url: z.url({ protocol: /^https?$/ }) }))
  .max(20)
const none = (what: string) => z.array(z.never(`${what} are not available on this server.`))
const disabled = z.object({ type: z.literal('disabled') })
const multiagent = z
  .object(
    { type: z.literal('multiagent_20261001'), advisor: disabled.nullish(), subagents: disabled, workflows: disabled },
    'Only null, or multiagent_20261001 with everything disabled, is available on this server.',
  )
  .nullable()
const executionIdentity = z
  .object({ type: z.literal('service_account', 'Only service_account is available.') })
  .nullable()

/** `POST /v1/agents` */
export const createAgentBody = z.strictObject({
  name: z.string().min(1).max(256),
  model,
  description: z.string().max(2048).nullish(),
  system: z.string().max(100_000).nullish(),
  tools: tools.default([]),
  mcp_servers: mcpServers.default([]),
  metadata: metadata.default({}),
  skills: none('Skills').default([]),
  multiagent: multiagent.optional(),
  execution_identity: executionIdentity.optional(),
})

/** `POST /v1/agents/{id}`: an absent field keeps its value, null clears it. */
export const updateAgentBody = z.strictObject({
  version: z.int().min(1).optional(),
  name: z.string().min(1).max(256).optional(),
  model: model.optional(),
  description: z.string().max(2048).nullish(),
  system: z.string().max(100_000).nullish(),
  tools: tools.nullish(),
  mcp_servers: mcpServers.nullish(),
  metadata: metadataPatch.nullish(),
  skills: none('Skills').nullish(),
  multiagent: multiagent.optional(),
  execution_identity: executionIdentity.optional(),
})

export type CreateAgentBody = z.output<typeof createAgentBody>
export type UpdateAgentBody = z.output<typeof updateAgentBody>
export type ToolParams = CreateAgentBody['tools'][number]
export type ModelParams = CreateAgentBody['model']

/** A budget can only be kept where the price is known. */
export function isPriced(modelId: string): boolean {
  return listPriceOf(modelId) !== null
}
