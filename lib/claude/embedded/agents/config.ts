import type { Anthropic } from '@anthropic-ai/sdk'
import { patchMetadata } from '../http/metadata.ts'
import { invalid } from '../http/errors.ts'
import type { CreateAgentBody, ModelParams, ToolParams, UpdateAgentBody } from './schema.ts'

type Agent = Anthropic.Beta.BetaManagedAgentsAgent
type Tool = Agent['tools'][number]

/** What a version consists of: the agent as the API shows it, without identity and times. */
export type AgentConfig = Omit<Agent, 'id' | 'type' | 'version' | 'created_at' | 'updated_at' | 'archived_at'>

export function configOf(body: CreateAgentBody): AgentConfig {
  return checked({
    name: body.name,
    description: body.description ?? null,
    system: body.system ?? null,
    model: toModel(body.model),
    tools: body.tools.map(toTool),
    mcp_servers: body.mcp_servers,
    metadata: body.metadata,
    skills: [],
    multiagent: null,
    execution_identity: { type: 'service_account' },
  })
}

/** An absent field keeps its value; null and empty clear it. */
export function updatedConfig(current: AgentConfig, body: UpdateAgentBody): AgentConfig {
  return checked({
    ...current,
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.description === undefined ? {} : { description: body.description || null }),
    ...(body.system === undefined ? {} : { system: body.system || null }),
    ...(body.model === undefined ? {} : { model: toModel(body.model, current.model) }),
    ...(body.tools === undefined ? {} : { tools: (body.tools ?? []).map(toTool) }),
    ...(body.mcp_servers === undefined ? {} : { mcp_servers: body.mcp_servers ?? [] }),
    metadata: patchMetadata(current.metadata, body.metadata),
  })
}

/** Names must be unique, and servers and their toolsets must refer to each other. */
function checkTools(config: Pick<AgentConfig, 'tools' | 'mcp_servers'>): void {
  const servers = config.mcp_servers.map((server) => server.name)
  refuseDuplicates('mcp_servers', servers)
  const toolsets = config.tools.flatMap((tool) => (tool.type === 'mcp_toolset' ? [tool.mcp_server_name] : []))
  refuseDuplicates('tools: mcp_toolset', toolsets)
  for (const name of toolsets) {
    if (!servers.includes(name))
      throw invalid(`tools: the mcp_toolset names the server ${name}, which is not in mcp_servers.`)
  }
  for (const name of servers) {
    if (!toolsets.includes(name)) throw invalid(`mcp_servers: ${name} is not referenced by an mcp_toolset in tools.`)
  }
  if (config.tools.filter((tool) => tool.type === 'agent_toolset_20260401').length > 1) {
    throw invalid('tools: at most one agent_toolset_20260401.')
  }
  refuseDuplicates(
    'tools: custom',
    config.tools.flatMap((tool) => (tool.type === 'custom' ? [tool.name] : [])),
  )
}

function checked(config: AgentConfig): AgentConfig {
  checkTools(config)
  return config
}

function toModel(model: ModelParams, current?: Agent['model']): Agent['model'] {
  if (typeof model === 'string')
    return { id: model, speed: 'standard', ...(current?.effort ? { effort: current.effort } : {}) }
  const effort = typeof model.effort === 'string' ? { type: model.effort } : (model.effort ?? current?.effort)
  return {
    id: model.id,
    speed: 'standard',
    ...(effort ? { effort } : {}),
    ...(model.inference_geo ? { inference_geo: model.inference_geo } : {}),
  }
}

/** The API's defaults: built-in tools are allowed, MCP tools ask. */
function toTool(tool: ToolParams): Tool {
  if (tool.type === 'custom') return tool
  const fallback = tool.type === 'mcp_toolset' ? ('always_ask' as const) : ('always_allow' as const)
  const byDefault = {
    enabled: tool.default_config?.enabled ?? true,
    permission_policy: tool.default_config?.permission_policy ?? { type: fallback },
  }
  if (tool.type === 'mcp_toolset') {
    return {
      type: tool.type,
      mcp_server_name: tool.mcp_server_name,
      default_config: byDefault,
      configs: tool.configs.map((config) => ({
        name: config.name,
        enabled: config.enabled ?? byDefault.enabled,
        permission_policy: config.permission_policy ?? byDefault.permission_policy,
      })),
    }
  }
  return {
    type: tool.type,
    default_config: byDefault,
    configs: tool.configs.map((config) => ({
      name: config.name,
      type: config.name,
      enabled: config.enabled ?? byDefault.enabled,
      permission_policy: config.permission_policy ?? byDefault.permission_policy,
    })) as Extract<Tool, { type: 'agent_toolset_20260401' }>['configs'],
  }
}

function refuseDuplicates(where: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalid(`${where}: ${twice} is there twice.`)
}
