import type { Anthropic } from '@anthropic-ai/sdk'

/** One event of a session, as Claude Managed Agents shows it. */
export type ClaudeEvent = Anthropic.Beta.Sessions.BetaManagedAgentsSessionEvent
export type ClaudeEventType = ClaudeEvent['type']
export type ClaudeEventOf<T extends ClaudeEventType> = Extract<ClaudeEvent, { type: T }>

/** What can be sent to a session. */
export type ClaudeInput = Anthropic.Beta.Sessions.BetaManagedAgentsEventParams

/** A toolset or a custom tool of an agent; make them with `builtInTools`, `mcpTools` and `customTool` of rules.ts. */
export type ClaudeTool = NonNullable<Anthropic.Beta.AgentCreateParams['tools']>[number]

/** Everything that makes an agent version. Text, tools and servers are replaced as a whole by an update. */
export type ClaudeAgentSpec = {
  name: string
  description: string
  model: string
  system: string
  tools: readonly ClaudeTool[]
  /** Every server needs its `mcpTools` entry in `tools`; the name is the registry's server id, the URL the broker's. */
  mcpServers: readonly { name: string; url: string }[]
  metadata: Readonly<Record<string, string>>
}

/** One immutable version of an agent. Sessions are made on exactly this pair, never on "latest". */
export type ClaudeAgentRef = { id: string; version: number }

/** What an agent at Claude is made of, in names: tools as `bash` or `erp/post_entry`, skills as `custom:skill_1@2`; addresses without their query. */
export type ClaudeAgentDefinition = {
  description: string
  model: string
  system: string
  tools: string[]
  mcpServers: { name: string; url: string }[]
  skills: string[]
}

export type ClaudeAgentView = ClaudeAgentRef & {
  name: string
  definition: ClaudeAgentDefinition
  metadata: Readonly<Record<string, string>>
  archivedAt: Date | null
}

export const claudeSessionStatuses = ['idle', 'running', 'rescheduling', 'terminated'] as const
export type ClaudeSessionStatus = (typeof claudeSessionStatuses)[number]

export type ClaudeSessionView = {
  id: string
  status: ClaudeSessionStatus
  agent: ClaudeAgentRef
  environmentId: string
  title: string | null
  metadata: Readonly<Record<string, string>>
  vaultIds: readonly string[]
  createdAt: Date
  archivedAt: Date | null
  usage: ClaudeUsage
}

/** Cumulative usage. Tokens are counts; `listCostMicros` is micro-dollars (whole cents) as the server says, null while it says nothing. */
export type ClaudeUsage = {
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWriteTokens: number
  activeMs: number
  listCostMicros: bigint | null
}

export type CreateSessionInput = {
  agent: ClaudeAgentRef
  environmentId: string
  vaultIds: readonly string[]
  title: string
  metadata: Readonly<Record<string, string>>
  /** A hard ceiling in micro-dollars, rounded down to whole cents; below one cent is one cent. */
  budgetMicros?: bigint | undefined
  /** Sent with the creation, so that there is no session without its first message. */
  firstMessage?: string | undefined
}

/** What a server can do beyond the base; an absent capability is refused, not ignored. */
export type ClaudeCapabilities = {
  /** Sessions accept a budget that the server enforces. */
  budgets: boolean
  /** The model that answers is the scripted one: every screen says so. */
  simulatedModel: boolean
}

export type ClaudeLimits = { createsPerMinute: number; othersPerMinute: number }

/** Anthropic's limits per organization, requests a minute. */
export const anthropicLimits: ClaudeLimits = { createsPerMinute: 300, othersPerMinute: 600 }
