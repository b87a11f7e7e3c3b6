import type { Anthropic } from '@anthropic-ai/sdk'
import { createHash } from 'node:crypto'
import { sandboxTools } from '../agents/schema.ts'
import { builtInTool } from './built-in-tools.ts'
import type { SessionAgent } from '../sessions/view.ts'

export type Policy = 'always_allow' | 'always_ask'

/** A tool as the model sees it and where its calls go. */
export type OfferedTool = {
  /** Unique, and valid for the Messages API. */
  modelName: string
  kind: 'sandbox' | 'mcp' | 'custom'
  name: string
  serverName: string | null
  description: string
  inputSchema: Anthropic.Tool.InputSchema
  policy: Policy
  /** Calling it twice does no harm, so a call whose answer was lost may be sent again. */
  repeatable: boolean
}

/** What a session offers; taken when its first turn starts, then kept. */
export type Toolset = {
  tools: OfferedTool[]
  /** Servers whose tools are in the set. One that could not be reached is tried again when the next turn starts. */
  listed: string[]
}

export type ServerTool = {
  name: string
  description?: string | undefined
  inputSchema: Record<string, unknown>
  repeatable: boolean
}

/** The longest tool name every model accepts. */
const nameLengthMax = 64

/** Built-in and custom tools: known from the agent, nothing has to be asked. */
export function ownTools(agent: SessionAgent): OfferedTool[] {
  return agent.tools.flatMap((tool): OfferedTool[] => {
    if (tool.type === 'custom') {
      const { name, description } = tool
      const inputSchema = tool.input_schema as Anthropic.Tool.InputSchema
      const own = { modelName: name, kind: 'custom', name, serverName: null, description, inputSchema } as const
      return [{ ...own, policy: 'always_allow', repeatable: false }]
    }
    if (tool.type !== 'agent_toolset_20260401') return []
    return sandboxTools.flatMap((name): OfferedTool[] => {
      const config = tool.configs.find((candidate) => candidate.name === name) ?? tool.default_config
      if (!config.enabled) return []
      const definition = { ...builtInTool(name), policy: toPolicy(config.permission_policy.type) }
      return [{ ...definition, modelName: name, kind: 'sandbox', name, serverName: null, repeatable: false }]
    })
  })
}

/** Adds the tools a server listed, as far as the agent's toolset for it enables them. */
export function withServerTools(
  toolset: Toolset,
  agent: SessionAgent,
  server: { name: string; tools: readonly ServerTool[] },
): Toolset {
  const config = agent.tools.find((tool) => tool.type === 'mcp_toolset' && tool.mcp_server_name === server.name)
  if (config?.type !== 'mcp_toolset') return toolset
  const taken = new Set(toolset.tools.map((tool) => tool.modelName))
  const added = server.tools.flatMap((tool): OfferedTool[] => {
    const own = config.configs.find((candidate) => candidate.name === tool.name) ?? config.default_config
    if (!own.enabled) return []
    const modelName = modelNameFor(server.name, tool.name, taken)
    taken.add(modelName)
    return [
      {
        modelName,
        kind: 'mcp',
        name: tool.name,
        serverName: server.name,
        description: tool.description ?? '',
        inputSchema: { ...tool.inputSchema, type: 'object' },
        policy: toPolicy(own.permission_policy.type),
        repeatable: tool.repeatable,
      },
    ]
  })
  return { tools: [...toolset.tools, ...added], listed: [...toolset.listed, server.name] }
}

/** `{server}__{tool}`; when that is too long, has other characters or is taken, its end is a digest of the exact names. */
export function modelNameFor(serverName: string, toolName: string, taken: ReadonlySet<string>): string {
  const plain = `${serverName}__${toolName}`
  const safe = plain.replace(/[^a-zA-Z0-9_-]/g, '_')
  if (safe === plain && plain.length <= nameLengthMax && !taken.has(plain)) return plain
  const digest = createHash('sha256')
    .update(JSON.stringify([serverName, toolName]))
    .digest('hex')
    .slice(0, 10)
  return `${safe.slice(0, nameLengthMax - digest.length - 1)}_${digest}`
}

export function toModelTools(tools: readonly OfferedTool[]): Anthropic.Tool[] {
  return tools.map((tool) => ({
    name: tool.modelName,
    description: tool.description,
    input_schema: tool.inputSchema,
  }))
}

function toPolicy(type: string): Policy {
  // Anything but a clear yes asks.
  return type === 'always_allow' ? 'always_allow' : 'always_ask'
}
