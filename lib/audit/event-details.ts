/** Details of audit events that are longer than a few lines; which event has which is said in events.ts. */

/** In whose place somebody decided. */
export type StandsInFor = { id: string; name: string }

export type RunEnded = {
  state: string
  stopReason: string | null
  costMicros: string | null
  toolCalls: number
}

/** `reason`: the id of the rule; `message`: what was said, which releases of before did not record. */
export type RefusedToPerson = { reason: string; message?: string }

export type AgentCreated = {
  templateId: string
  templateVersion: string
  name: string
  purpose: string
  ownerTeamId: string
  accountablePersonId: string
  tier: string
  schedule: string | null
  /** Micro-dollars. */
  monthlyBudgetMicros: string | null
  nextReviewAt: string
}

export type AgentVersionCreated = {
  version: number
  templateId: string
  templateVersion: string
  digest: string
}

export type ServerCreated = {
  url: string
  command?: object
  environment: string
  sensitivity: string
  dataClasses?: string[]
  acknowledged: string[]
  via: string
}

export type LooseningProposed = {
  looseningId: string
  what: string
  before: string
  after: string | null
  reason: string | null
}

export type GrantCreated = {
  grantId: string
  class: string
  toolName: string | null
  via: string
  expiresAt: string | null
  reason: string
  requestId: string | null
  conditions: object[]
  rate: object | null
  /** Conditions and rate, in words. */
  limits: string[]
}

export type GrantBreakGlass = {
  grantId: string
  class: string
  toolName: string | null
  expiresAt: string
  reason: string
  incident: string | null
}

export type ScopeRequestCreated = {
  requestId: string
  class: string
  /** When it was written with a wider class than its tools need. */
  askedClass?: string
  /** Empty: every tool of the class. Until one could name several, `toolName`. */
  toolNames: string[]
  days: number | null
  reason: string
  limits: string[]
}

export type ScopeRequestStepApproved = {
  requestId: string
  step: number
  of: number
  approvalRule: string
  note: string | null
  standsInFor?: StandsInFor
}

/** By when it is due, before and after. */
export type DueChanged = { before: string; after: string; approvalRule: string }

export type BreakGlassReviewEscalated = {
  grantId: string
  step: number
  of: number
  roles: string[]
  teamId: string | null
  dueAt: string
}

export type ScopeRequestEscalated = {
  requestId: string
  step: number
  of: number
  roles: string[]
  teamId: string | null
  mayDecide: boolean
  dueAt: string
}

export type ApprovalRuleCreated = {
  ruleId: string
  position: number
  steps: string[][]
  daysMax: number | null
  dueHours: number
  remindPercent: number
  escalation: object | null
}

export type ScopeRequestApproved = {
  requestId: string
  class: string
  /** What was granted of what was asked for. */
  toolNames: string[]
  expiresAt: string | null
  note: string | null
  limits: string[]
  /** The rule of the approval policy, in its words. */
  approvalRule: string
  standsInFor?: StandsInFor
}

export type McpResultPassed = {
  argumentsDigest: string
  outcome: 'ok' | 'tool_error' | 'upstream_error' | 'aborted'
  /** The call has its own end on record, and nothing of its answer left: a rule ended it while that was being written. */
  withheld?: true
  /** Of the server's reply. */
  bytes: number
  ms: number
  /** Why it is not whole. */
  reason?: string
  /** Of what ended it: the step at which its rule decides, and the facts that mattered. */
  step?: string | null
  facts?: Record<string, string | number | boolean | null>
  traceId?: string
  masked?: Partial<Record<string, number>>
  marks?: string[]
}

export type McpTaskEnded = {
  task: string
  outcome: 'cancelled' | 'over' | 'unconfirmed'
  status: string | null
  tries: number
  message: string
}

export type DelegationCreated = {
  delegationId: string
  personId: string
  delegateId: string
  delegateName: string
  startsAt: string
  endsAt: string
  reason: string
}

export type HoldRuleCreated = {
  ruleId: string
  deciderRoles: string[]
  excludedDeciders: string[]
  decideSeconds: number
  onTimeout: string
}

export type HoldBypassOpened = {
  bypassId: string
  ruleId: string
  reason: string
  expiresAt: string
  /** Whose agents it is not for. */
  exceptTeamIds: string[]
  exceptAgentIds: string[]
}

/** `class`: of the tool; left out by releases that did not record it. */
export type CallHeld = {
  heldCallId: string
  digest: string
  ruleTitle: string
  expiresAt: string
  class?: string | null
}

export type CallApproved = {
  heldCallId: string
  digest: string
  approval: string
  note: string | null
  standsInFor?: StandsInFor
}

export type CallEdited = {
  heldCallId: string
  digest: string
  approval: string
  note: string | null
  changed: string[]
  standsInFor?: StandsInFor
}

/** What log-only has to be before a set counts as tried. */
export type TrialTerms = { logOnlyMinutes: number; logOnlyCalls: number }

export type GrantNarrowed = {
  grantId: string
  class: string
  toolNames: string[]
  /** Tools of these that it keeps under conditions only; the new grants say which. */
  conditional: string[]
  grantIds: string[]
  reason: string
}

export type ScopeRequestRevised = {
  requestId: string
  revision: number
  /** When it was written with a wider class than its tools need. */
  askedClass?: string
  before: Record<string, unknown>
  after: Record<string, unknown>
}

type OwnLimits = Record<string, number | null>
export type AgentLimitsChanged = { before: OwnLimits; after: OwnLimits; reason: string }
