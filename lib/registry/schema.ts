// Views are JSON as they are: times are ISO 8601 in UTC, money is micro-dollars as a decimal string.
import { z } from 'zod'
import { slug } from '#lib/core/slug.ts'
import type { ArgumentCondition, CallRate } from './schema/conditions.ts'
import {
  type AgentStatus,
  type Environment,
  manyLines,
  oneLine,
  type Sensitivity,
  type Tier,
  type ToolClass,
} from './schema/words.ts'
import type { QueryHint } from './schema/catalog.ts'
import type { VersionOrigin } from './schema/unregistered.ts'

export * from './schema/catalog.ts'

export {
  type AgentStatus,
  agentStatuses,
  askMethods,
  type DataClass,
  dataClasses,
  type Environment,
  environments,
  methodPrefix,
  namedMethods,
  oneLine,
  sensitivities,
  type Sensitivity,
  tasksMethod,
  type Tier,
  tiers,
  type ToolClass,
  toolClasses,
  type ToolState,
  toolStates,
} from './schema/words.ts'
export {
  type ClientAuthMethod,
  clientAuthMethods,
  type CredentialKind,
  credentialKinds,
  type CredentialSettings,
  type CredentialView,
  expiryWarningMs,
  removeServerCredentialInput,
  serverCredentialBody,
  type SetServerCredentialInput,
  setServerCredentialInput,
} from './schema/credentials.ts'
export {
  type ImportServerInput,
  importServerInput,
  type RegisterServerInput,
  registerServerInput,
  type ServerHolder,
  type RemovedToolList,
  type ServerHolderList,
  type ServerRow,
  type ServerView,
  type UpdateServerInput,
  updateServerInput,
} from './schema/servers.ts'
export {
  type ApproveToolsInput,
  approveToolsInput,
  type ClassifyToolInput,
  classifyToolInput,
  type ListedTool,
  listedTool,
  type RecordServerToolsInput,
  type RejectToolInput,
  rejectToolInput,
  type ToolDetail,
  type ToolHistoryEntry,
  type ToolReview,
  type ToolView,
} from './schema/tools.ts'

/** Shown for every agent and never set: guardrails cannot be opted out of. */
export const inheritedGuardrails = 'inherited (sandbox, audit, kill-switch)'

// Catalog ---------------------------------------------------------------------------------------------------------------

/** Measured over the last 30 UTC days including today, from the day roll-ups; never typed in. */
export type Measured = {
  /** Runs. */
  monthlyRuns: number
  /** Micro-dollars of model usage, as a decimal string. */
  cost30dMicros: string
  /** Model requests without a price: the cost is at least this much when it is not 0. */
  unpricedRequests: number
  /** Runs with an escalation divided by runs, 0 to 1; null: no runs. */
  escalationRate: number | null
  /** The last UTC day with a run, at midnight; null: none in the roll-ups. */
  lastRunDay: string | null
}

export type ScopeChip = {
  serverId: string
  environment: Environment
  class: ToolClass
  /** null: every tool of the class and of the classes below it. */
  toolName: string | null
  expiresAt: string | null
}

/** One row of the catalog. */
export type AgentRow = Measured & {
  id: string
  name: string
  purpose: string
  owner: { id: string; name: string }
  accountable: PersonRef
  tier: Tier
  status: AgentStatus
  version: number
  /** `latest` is the newest published version; it differs from `version` when the agent has drifted behind. */
  template: { id: string; version: string; latest: string | null }
  /** Grants in force, by server. */
  scopes: ScopeChip[]
  /** Of the current version. */
  model: string
  schedule: string | null
  lastReviewedAt: string | null
  nextReviewAt: string | null
  createdAt: string
  demo: boolean
}

export type PersonRef = { id: string; name: string; active: boolean }

export type AgentList = {
  items: AgentRow[]
  /** How many match, over all pages. */
  total: number
  nextCursor: string | null
  prevCursor: string | null
  /** What the query names that does not exist. */
  hints: QueryHint[]
}

/** A grant in force, as part of an agent's effective access. */
export type AccessGrant = {
  id: string
  serverId: string
  serverName: string
  environment: Environment
  sensitivity: Sensitivity
  class: ToolClass
  toolName: string | null
  /** What the arguments of a call must be; empty: anything. */
  conditions: ArgumentCondition[]
  /** How often it may be used; null: no limit of its own. */
  rate: CallRate | null
  reason: string
  /** 'template', 'request' or 'import' */
  via: string
  requestId: string | null
  createdAt: string
  expiresAt: string | null
} & GrantReach

/** What a grant really reaches; nothing if it is not in force. */
export type GrantReach = {
  /** Names of tools, and of what it opens besides tools. */
  tools: string[]
  /** What it covers on paper and does not reach, by the reason. */
  unreached: { why: string; tools: string[] }[]
}

/** Everything the registry knows about an agent. */
export type AgentView = AgentRow & {
  statusReason: string | null
  statusChangedAt: string
  scheduleEnabled: boolean
  monthlyBudgetMicros: string | null
  createdBy: PersonRef | null
  updatedAt: string
  guardrails: typeof inheritedGuardrails
  /** Effective access, computed: grants in force on active servers, with what each really reaches. */
  access: AccessGrant[]
  /** The team's own layer of the current version. */
  layer: AgentLayer
  /** Newest first. */
  versions: AgentVersionRow[]
  pendingScopeRequests: number
}

/** The team's part of a version: its prompt layer and the template's parameters. */
export const agentLayer = z.strictObject({
  prompt: manyLines(20_000),
  parameters: z.record(z.string(), z.union([manyLines(10_000), z.number(), z.boolean()])),
})
export type AgentLayer = z.infer<typeof agentLayer>

export type AgentVersionRow = {
  version: number
  templateId: string
  templateVersion: string
  digest: string
  createdAt: string
  createdBy: PersonRef | null
  /** Where it runs at Claude, once provisioned. */
  claude: { agentId: string; version: number; boundAt: string } | null
}

export type AgentVersionView = AgentVersionRow & {
  layer: AgentLayer
  /** { system, model, tools, mcpServers, limits } exactly as sent to Claude. */
  rendered: Record<string, unknown>
  /** What it goes on from when it was adopted; null: it was made here. */
  origin: VersionOrigin | null
}

export const creationSteps = [
  'register',
  'scopes',
  'claude',
  'credentials',
  'schedule',
  'activate',
  'first_run',
] as const
export type CreationStepName = (typeof creationSteps)[number]
export const creationStepStates = ['pending', 'running', 'done', 'failed'] as const

/** The live creation log, in order. */
export type CreationLog = {
  agentId: string
  status: AgentStatus
  /** The first run, once it exists. */
  firstRunId: string | null
  /** From registration to the end of the last step, in milliseconds; null while a step is open. */
  elapsedMs: number | null
  steps: {
    step: CreationStepName
    state: (typeof creationStepStates)[number]
    detail: string | null
    attempts: number
    startedAt: string | null
    finishedAt: string | null
  }[]
}

// Teams and people --------------------------------------------------------------------------------------------------------

export type TeamRow = {
  id: string
  name: string
  costCenter: string | null
  members: number
  leads: { id: string; name: string }[]
  /** Agents that are not retired. */
  agents: number
  demo: boolean
}

export type PersonRow = {
  id: string
  name: string
  email: string
  active: boolean
  roles: string[]
  teamIds: string[]
  demo: boolean
}

export const personListQuery = z.strictObject({
  search: z.string().max(200).optional(),
  teamId: z.string().max(100).optional(),
  /** Only people who can sign in. */
  active: z.boolean().optional(),
})
export type PersonListQuery = z.infer<typeof personListQuery>

export const createTeamInput = z.strictObject({
  id: slug,
  name: oneLine(100).min(1),
  costCenter: oneLine(50).min(1).nullable().default(null),
})
export type CreateTeamInput = z.infer<typeof createTeamInput>

// Servers -----------------------------------------------------------------------------------------------------------------
