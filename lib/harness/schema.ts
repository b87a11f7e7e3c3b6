// Views are JSON as they are: times are ISO 8601 in UTC, money is micro-dollars as a decimal string.
import { z } from 'zod'

export const runStates = ['queued', 'running', 'stopping', 'succeeded', 'failed', 'stopped', 'refused'] as const
export type RunState = (typeof runStates)[number]

/** The states in which a run holds a session, a token and a right to call tools. */
export const openRunStates = ['queued', 'running', 'stopping'] as const satisfies readonly RunState[]

export const runTriggers = ['manual', 'schedule', 'api', 'first_run'] as const
export type RunTrigger = (typeof runTriggers)[number]

/** Starts a run of an agent's current version. Without `input` the template's first message is sent. */
export const startRunInput = z.strictObject({
  agentId: z.string().min(1).max(100),
  trigger: z.enum(runTriggers).default('manual'),
  input: z.string().trim().min(1).max(20_000).optional(),
})
export type StartRunInput = z.input<typeof startRunInput>

export const stopRunInput = z.strictObject({
  runId: z.uuid(),
  reason: z.string().trim().min(3, 'Say why the run is stopped.').max(500),
})
export type StopRunInput = z.infer<typeof stopRunInput>

export const resolveEscalationInput = z.strictObject({ escalationId: z.uuid() })
export type ResolveEscalationInput = z.infer<typeof resolveEscalationInput>

/** Filters of the run list: page, REST and CLI alike. `cursor` is the `nextCursor` of the page before. */
export const runListQuery = z.strictObject({
  agent: z.string().max(100).optional(),
  state: z.enum(runStates).optional(),
  open: z.stringbool().optional(),
  trigger: z.enum(runTriggers).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
export type RunListQuery = z.infer<typeof runListQuery>

/** The rules of the launch gate (ids of the rule table in lib/guardrails/schema.ts), in the order they are asked; the first that refuses wins. */
export const launchRules = [
  'killed',
  'agent_unknown',
  'agent_not_active',
  'version_not_bound',
  'grant_missing',
  'budget_exhausted',
] as const
export type LaunchRule = (typeof launchRules)[number]

/** Why a run was not started: `rule` names the rule, `message` says what to do, `runId` is the refused run's row (absent when the agent does not exist). */
export type LaunchRefusal = {
  rule: LaunchRule
  message: string
  runId?: string
  /** For `grant_missing`: what the template needs and nobody granted. */
  missing?: { serverId: string; class: string }[]
  /** For `killed`: the order in force. */
  stopOrderId?: string
}

/** A run in lists. `costMicros` is micro-dollars of model usage and of calls of tools, null when a part of the usage is not priced. */
export type RunRow = {
  id: string
  agentId: string
  agentName: string
  agentVersion: number
  trigger: RunTrigger
  state: RunState
  /** The rule that refused or stopped it. */
  rule: string | null
  /** The model that answers is the scripted one. */
  simulated: boolean
  /** A row of the demo history: it never ran. */
  demo: boolean
  requestedBy: { id: string; name: string } | null
  createdAt: string
  startedAt: string | null
  endedAt: string | null
  stopReason: string | null
  summary: string | null
  costMicros: string | null
  /** What of it calls of tools cost, as far as they are added up: within seconds. */
  callCostMicros: string
  turns: number
  toolCalls: number
  deniedCalls: number
  escalationCount: number
}

export type RunPage = { items: RunRow[]; total: number; nextCursor: string | null }

export type RunView = RunRow & {
  teamId: string
  teamName: string
  input: string
  error: string | null
  model: string | null
  /** Token counts, exact as long as they are below 2^53. */
  tokens: { input: number; output: number; cacheRead: number; cacheWrite: number }
  /** What Claude says it cost at list price, session runtime included; null: it says nothing. */
  listCostMicros: string | null
  /** The audit event of its refusal, when it was refused. */
  decisionId: string | null
  activeMs: number
  claudeSessionId: string | null
  escalations: EscalationView[]
}

/** What the run log shows, by kind. Text is cut to a length that fits a page; `truncated` then says so. */
export type RunEventPayload =
  | { kind: 'message'; payload: { role: 'user' | 'agent' | 'system'; text: string; truncated?: boolean } }
  | { kind: 'thinking'; payload: Record<string, never> }
  | {
      kind: 'tool_call'
      payload: {
        callId: string
        source: 'sandbox' | 'mcp' | 'custom'
        name: string
        serverId?: string
        input: unknown
        truncated?: boolean
      }
    }
  | {
      kind: 'tool_result'
      payload: { callId: string; isError: boolean; text: string; truncated?: boolean; rule?: string }
    }
  | { kind: 'escalation'; payload: { escalationId: string; kind: EscalationKind; title: string } }
  | {
      kind: 'decision'
      payload: {
        callId: string
        decision: 'allow' | 'deny'
        rule: string
        message: string
        /** Its audit event; left out: Claude refused the call, for the tool is not offered. */
        decisionId?: string
      }
    }
  | {
      kind: 'usage'
      payload: {
        model: string
        inputTokens: number
        outputTokens: number
        cacheReadTokens: number
        cacheWriteTokens: number
        /** Micro-dollars as a decimal string (the log is JSON); null: not priced. */
        costMicros: string | null
      }
    }
  | { kind: 'status'; payload: { status: string; stopReason?: string; rule?: string } }
  | { kind: 'error'; payload: { message: string; retry?: string } }
  | { kind: 'note'; payload: { text: string } }

export type RunEventView = { seq: number; at: string } & RunEventPayload

export const escalationKinds = ['escalate', 'held', 'refusal'] as const
export type EscalationKind = (typeof escalationKinds)[number]

export const escalationListQuery = z.strictObject({
  agent: z.string().max(100).optional(),
  run: z.uuid().optional(),
  kind: z.enum(escalationKinds).optional(),
  open: z.stringbool().optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
export type EscalationListQuery = z.infer<typeof escalationListQuery>

export type EscalationView = {
  id: string
  runId: string
  agentId: string
  agentName: string
  kind: EscalationKind
  title: string
  /** What the agent said (`escalate`), or the call with its rule (`held`, `refusal`). */
  detail: Record<string, unknown>
  createdAt: string
  resolvedAt: string | null
  resolvedBy: { id: string; name: string } | null
}

export type EscalationPage = { items: EscalationView[]; total: number; nextCursor: string | null }
