import { z } from 'zod'
import { numberMax } from '#lib/core/count.ts'
import { forPersonId, type StandIn } from '#lib/delegation/schema.ts'
import {
  type AccessGrant,
  type AgentStatus,
  type DataClass,
  type Environment,
  oneLine,
  type PersonRef,
  type Sensitivity,
  type Tier,
  type ToolClass,
  toolClasses,
} from '#lib/registry/schema.ts'
import type { RequestContext, RequestMoment } from './schema/context.ts'
import type { ApprovalStep } from './schema/approval-policy.ts'
import { type ArgumentCondition, argumentConditions, type CallRate, callRate } from '#lib/registry/schema/conditions.ts'

/** So many tools one request may name. */
export const namedToolsMax = 20

/** Only these tools, or with `method:` before a name what the server may ask the agent for. */
const toolNames = z
  .array(z.string().min(1).max(200))
  .max(namedToolsMax, `Name at most ${namedToolsMax} tools, or ask for the class.`)
  .refine((names) => new Set(names).size === names.length, 'Name each tool once.')

/** The longest a person may grant a scope for at once. */
export const grantDaysMax = 365

const days = z
  .int()
  .min(1, 'Grant it for at least one day.')
  .max(grantDaysMax, `Grant it for at most ${grantDaysMax} days.`)

const wantedScope = z.strictObject({
  agentId: z.string().max(100),
  serverId: z.string().max(100),
  /** Of tools that are named it is the widest that one of them needs: it may be left out, and a wider one is narrowed to that. */
  class: z.enum(toolClasses).optional(),
  /** Empty: every tool of the class and of the classes below it. */
  toolNames: toolNames.default([]),
  /** null: until revoked. */
  days: days.nullable().default(null),
  /** What the arguments of a call must be; all of them hold. */
  conditions: argumentConditions.optional(),
  /** How often it may be used; left out or null: no limit of its own. */
  rate: callRate.nullable().optional(),
  reason: oneLine(1000).min(5, 'Say in a sentence what the agent needs it for.'),
  /** Where the need is written down: a number or a link. */
  ticket: oneLine(300).optional(),
})

/** Whether a scope says which class it is for, or which tools. */
export function saysClassOrTools(scope: { class?: ToolClass | undefined; toolNames: readonly string[] }): boolean {
  return scope.class !== undefined || scope.toolNames.length > 0
}
export const classOrTools = { error: 'Say which class, or name the tools.', path: ['class'] }

export const requestScopeInput = wantedScope.refine(saysClassOrTools, classOrTools)
export type RequestScopeInput = z.infer<typeof requestScopeInput>

/** What of a request its requester may change until it is decided; what is left out stays. */
export const reviseScopeRequestInput = wantedScope
  .pick({ class: true, days: true, conditions: true, rate: true, reason: true })
  .partial()
  .extend({
    requestId: z.uuid(),
    /** Empty: every tool of the class. */
    toolNames: toolNames.optional(),
    days: days.nullable().optional(),
    /** null: none. */
    ticket: oneLine(300).nullable().optional(),
  })
export type ReviseScopeRequestInput = z.infer<typeof reviseScopeRequestInput>

/** Which revision was read. May be left out of a request that was never changed; of one that was, what is decided must be what was seen. */
const revision = z.int().min(1).max(numberMax).optional()

export const decideScopeRequestInput = z.discriminatedUnion('decision', [
  z.strictObject({
    requestId: z.uuid(),
    revision,
    forPersonId,
    decision: z.literal('approve'),
    /** Left out: as long as was asked for; null: until revoked. */
    days: days.nullable().optional(),
    /** Left out: as was asked for; otherwise a class below. */
    class: z.enum(toolClasses).optional(),
    /** Left out: as was asked for; otherwise some of the tools that were asked for, by name or as a class. */
    toolNames: toolNames.min(1, 'Name the tools, or leave it out.').optional(),
    /** Left out: as was asked for. An approver may add conditions, and leave none of those out that were asked for. */
    conditions: argumentConditions.optional(),
    /** Left out: as was asked for. */
    rate: callRate.optional(),
    note: oneLine(1000).optional(),
  }),
  z.strictObject({
    requestId: z.uuid(),
    revision,
    forPersonId,
    decision: z.literal('reject'),
    note: oneLine(1000).min(1, 'Say why: the requester reads it.'),
  }),
  z.strictObject({
    requestId: z.uuid(),
    revision,
    forPersonId,
    decision: z.literal('request_changes'),
    note: oneLine(1000).min(1, 'Say what to change: the requester reads it.'),
  }),
])
export type DecideScopeRequestInput = z.infer<typeof decideScopeRequestInput>

export const withdrawScopeRequestInput = z.strictObject({ requestId: z.uuid() })
export type WithdrawScopeRequestInput = z.infer<typeof withdrawScopeRequestInput>

export const revokeGrantInput = z.strictObject({
  grantId: z.uuid(),
  reason: oneLine(1000).min(1, 'Say why: the owner reads it.'),
  /** Only if the calls of so many days and what else is held still propose it. */
  proposedOver: z.int().min(1).max(400).optional(),
})
export type RevokeGrantInput = z.infer<typeof revokeGrantInput>

export const scopeRequestStates = ['pending', 'changes_requested', 'approved', 'rejected', 'withdrawn'] as const
export type ScopeRequestState = (typeof scopeRequestStates)[number]

export const scopeRequestListQuery = z.strictObject({
  state: z.enum(scopeRequestStates).optional(),
  agentId: z.string().max(100).optional(),
  serverId: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(200).optional(),
})
export type ScopeRequestListQuery = z.infer<typeof scopeRequestListQuery>
export type ScopeRequestListInput = z.input<typeof scopeRequestListQuery>

export const grantListQuery = z.strictObject({
  agentId: z.string().max(100).optional(),
  serverId: z.string().max(100).optional(),
  /** Also those that have expired or been revoked. */
  history: z.boolean().default(false),
  /** An instant: the grants as they were then. */
  asOf: z.string().max(50).optional(),
})
export type GrantListInput = z.input<typeof grantListQuery>

/** A normal answer the person must be told and the auditor must find. `rule` names what refused it. */
export type ScopeRefusal = { rule: ScopeRule; message: string }
export const scopeRules = [
  'scopes:agent_retired',
  'scopes:already_held',
  'scopes:already_pending',
  'scopes:server_disabled',
  'scopes:tool_unknown',
  'scopes:already_decided',
  'scopes:own_request',
  'scopes:own_agent',
  'scopes:own_team',
  'scopes:not_asked',
  'scopes:asked_apart',
  'scopes:approved_already',
  'scopes:not_standing_in',
  'scopes:not_pending',
  'scopes:changed_meanwhile',
  'scopes:not_your_request',
  'scopes:already_revoked',
  'scopes:not_narrowable',
  'scopes:not_proposed',
  'scopes:own_break_glass',
  'scopes:already_reviewed',
  'scopes:break_glass_unreviewed',
  'scopes:rule_holds',
  'scopes:own_rule',
  'scopes:end_not_asked',
  'scopes:not_your_wish',
] as const
export type ScopeRule = (typeof scopeRules)[number]

/** One row of the queue: oldest first while pending, newest first otherwise. */
export type ScopeRequestRow = {
  id: string
  agent: { id: string; name: string; owner: { id: string; name: string }; tier: Tier; status: AgentStatus }
  server: { id: string; name: string; environment: Environment; sensitivity: Sensitivity; dataClasses: DataClass[] }
  class: ToolClass
  /** Only these tools; empty: every tool of the class. */
  toolNames: string[]
  reason: string
  /** Asked for; null: until revoked. */
  days: number | null
  conditions: ArgumentCondition[]
  rate: CallRate | null
  state: ScopeRequestState
  requestedBy: PersonRef
  createdAt: string
  decidedBy: PersonRef | null
  /** In whose place, when somebody stood in. */
  decidedFor: PersonRef | null
  decidedAt: string | null
  decisionNote: string | null
  /** Where the need is written down. */
  ticket: string | null
  /** By when it should be decided; null: nobody said. */
  dueAt: string | null
  /** When those who are asked are reminded of it, and when they were; null: not yet. */
  remindAt: string | null
  remindedAt: string | null
  /** How often it was passed on since it is overdue. */
  escalations: number
  /** Grows with each change of what is asked for. */
  revision: number
}

export type ScopeRequestList = { items: ScopeRequestRow[]; total: number; nextCursor: string | null }

export type ScopeRequestView = ScopeRequestRow & {
  /** What the agent holds now, on every server. */
  holds: AccessGrant[]
  /** Approved tools of the server that the scope would newly reach, by class. */
  reaches: { name: string; class: ToolClass; description: string }[]
  /** Agents of the same template: how many there are, and how many hold at least this scope. */
  peers: { templateId: string; total: number; holding: number; examples: { id: string; name: string }[] }
  /** Refused calls of this agent on this server in the last 30 days. */
  denials30d: number
  /** Everything else that an approver is shown. */
  context: RequestContext
  /** The rule of the approval policy that holds for it, with its steps; what is approved so far is left of what was asked. `says`: why it is that one, where rules differ for what it reaches. */
  policy: {
    title: string
    ruleId: string | null
    daysMax: number | null
    says: string | null
    steps: ApprovalStep[]
    left: ScopeTerms
  }
  /** Whether the person reading may decide, and why not. */
  decidable: { allowed: true } | { allowed: false; refusal: { rule: string; message: string } }
  /** In whose place the person reading may decide it. */
  standIns: StandIn[]
  /** What happened to it, oldest first. */
  history: RequestMoment[]
}

/** What a request is for: of tools that are named the class that they need. `says`: that it is narrower than what was written. */
export type AskedClass = { class: ToolClass; says: string | null }

/** What came of a decision: a grant of the class, or one of each tool that is named; none yet: it is not granted. */
export type DecisionOutcome = {
  grantIds: string[]
  expiresAt: string | null
  /** Roles of the people who are still asked; empty when it is decided or waits for its requester. */
  waitsFor: string[][]
}

/** What is reached, for how long and within which limits. */
export type ScopeTerms = {
  class: ToolClass
  /** Only these tools; empty: every tool of the class. */
  toolNames: string[]
  days: number | null
  conditions: ArgumentCondition[]
  rate: CallRate | null
}

/** A grant with whom it belongs to. */
export type GrantView = AccessGrant & {
  agent: { id: string; name: string; status: AgentStatus }
  owner: { id: string; name: string }
  state: 'in_force' | 'expired' | 'revoked'
  revokedAt: string | null
}
