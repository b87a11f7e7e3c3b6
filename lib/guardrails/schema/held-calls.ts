import { z } from 'zod'
import { forPersonId, type StandIn } from '#lib/delegation/schema.ts'
import type { Role } from '#lib/auth/permissions.ts'
import {
  type DataClass,
  type Environment,
  environments,
  oneLine,
  type PersonRef,
  type Sensitivity,
  type ToolClass,
  toolClasses,
} from '#lib/registry/schema.ts'
import type { HoldBypassFacts } from './hold-bypasses.ts'
import { type ArgumentCondition, argumentConditions } from '#lib/registry/schema/conditions.ts'

/** Roles that a rule may let decide; each comes with `calls:decide`. */
export const deciderRoles = [
  'builder',
  'team_lead',
  'security',
  'on_call',
  'platform_admin',
] as const satisfies readonly Role[]

export const timeoutActions = ['deny', 'allow'] as const
export type TimeoutAction = (typeof timeoutActions)[number]

/** Who does not decide, whatever their role: who started the run or wrote the version that runs, who is accountable for the agent, whose team owns it. */
export const excludedDeciders = ['starter', 'accountable', 'own_team'] as const
export type ExcludedDecider = (typeof excludedDeciders)[number]

/** How long people may take at most: a day. */
export const decideSecondsMax = 86_400

export const createHoldRuleInput = z
  .strictObject({
    title: oneLine(200).min(3, 'Say in a few words which calls are held.'),
    /** Left out or null: on every server. */
    serverId: z.string().min(1).max(100).nullable().default(null),
    /** Only this tool of the server. */
    toolName: z.string().min(1).max(200).nullable().default(null),
    /** Calls of this class and of the classes above it; null: of any class. */
    class: z.enum(toolClasses).nullable().default(null),
    environment: z.enum(environments).nullable().default(null),
    /** All must hold. What is not there, or cannot be compared, holds: a call that cannot be judged waits. */
    conditions: argumentConditions.default([]),
    /** Who may decide: a person with one of these roles. */
    deciderRoles: z.array(z.enum(deciderRoles)).min(1, 'Name at least one role that decides.').max(deciderRoles.length),
    /** Who does not, all the same. What changes something is never decided by who started the run, wrote the version that runs or is accountable for the agent. */
    excludedDeciders: z
      .array(z.enum(excludedDeciders))
      .max(excludedDeciders.length)
      .default(['starter', 'accountable']),
    decideSeconds: z.int().min(10).max(decideSecondsMax).default(900),
    /** What happens when nobody decides in time; `allow` is for reading only. */
    onTimeout: z.enum(timeoutActions).default('deny'),
    /** The rule whose place it takes, also in the order: that one is removed in the same moment. */
    replaces: z.uuid().optional(),
  })
  .refine(({ toolName, serverId }) => toolName === null || serverId !== null, {
    path: ['serverId'],
    message: 'A tool is one of a server: name the server, too.',
  })
export type CreateHoldRuleInput = z.infer<typeof createHoldRuleInput>

export const removeHoldRuleInput = z.strictObject({
  ruleId: z.uuid(),
  reason: oneLine(500).min(3, 'Say why the rule goes.'),
})
export type RemoveHoldRuleInput = z.infer<typeof removeHoldRuleInput>

export const withdrawHoldRuleEndInput = z.strictObject({ ruleId: z.uuid() })
export type WithdrawHoldRuleEndInput = z.infer<typeof withdrawHoldRuleEndInput>

const argumentsObject = z.record(z.string(), z.json())

export const decideHeldCallInput = z.discriminatedUnion('decision', [
  z.strictObject({ heldCallId: z.uuid(), forPersonId, decision: z.literal('approve'), note: oneLine(1000).optional() }),
  z.strictObject({
    heldCallId: z.uuid(),
    forPersonId,
    decision: z.literal('edit'),
    arguments: argumentsObject,
    note: oneLine(1000).optional(),
  }),
  z.strictObject({
    heldCallId: z.uuid(),
    forPersonId,
    decision: z.literal('reject'),
    note: oneLine(1000).min(3, 'Say why: the agent and its people read it.'),
  }),
])
export type DecideHeldCallInput = z.infer<typeof decideHeldCallInput>

export const heldCallStates = ['waiting', 'approved', 'edited', 'rejected', 'expired', 'cancelled'] as const
export type HeldCallState = (typeof heldCallStates)[number]

export const heldCallListQuery = z.strictObject({
  /** `decided`: every state but waiting. */
  state: z.enum([...heldCallStates, 'decided']).optional(),
  /** Only this one. */
  id: z.uuid().optional(),
  agentId: z.string().max(100).optional(),
  runId: z.uuid().optional(),
  /** Of those that wait the ones first that the reader may decide about. */
  first: z.enum(['decidable']).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.uuid().optional(),
})

/** Which of the calls that wait a page asks for. */
export const waitingCallsInput = heldCallListQuery.pick({ id: true, runId: true, cursor: true })
export type WaitingCallsInput = z.infer<typeof waitingCallsInput>
export type HeldCallListInput = z.input<typeof heldCallListQuery>

export const heldCallSources = ['broker', 'claude'] as const
export type HeldCallSource = (typeof heldCallSources)[number]

/** What rules say of calls that wait for a person; brokers keep those in force. */
export type HoldRuleFacts = {
  readonly id: string
  readonly title: string
  readonly serverId: string | null
  readonly toolName: string | null
  readonly class: ToolClass | null
  readonly environment: Environment | null
  readonly conditions: readonly ArgumentCondition[]
  readonly deciderRoles: readonly string[]
  readonly excludedDeciders: readonly ExcludedDecider[]
  readonly decideSeconds: number
  readonly onTimeout: TimeoutAction
  /** What lets calls through that it would hold; left out: nothing does. */
  readonly bypasses?: readonly HoldBypassFacts[]
}

export type HoldRuleView = Omit<HoldRuleFacts, 'bypasses'> & {
  /** Of two rules that hold a call the one with the lower number does; a rule that replaces another one has its number. */
  position: number
  createdBy: PersonRef | null
  createdAt: string
  /** Who asked for its end; it holds calls until a second person ends it. */
  endAsked: { by: PersonRef; at: string; reason: string } | null
  /** Set for rules that are no longer in force. */
  removedAt: string | null
}

/** The call itself, to the letter: an approval is for this and nothing else. */
export type ExactCall = {
  agentId: string
  agentVersion: number
  runId: string | null
  /** Outside of a run: digest of the session it came from, or of what stands in for one. */
  session?: string | null
  serverId: string | null
  tool: string
  /** Of the tool's definition as agents are shown it, and of where its server is. */
  definitionHash: string
  arguments: Record<string, unknown>
  /** What the agent answers to what the call asked it for, by key, when it is one that goes on. */
  inputResponses?: Record<string, unknown> | null
  /** Of the central policies. */
  policyVersion: string
}

export type HeldCallRefusal = { rule: HeldCallRule; message: string }
export const heldCallRules = [
  'approvals:already_decided',
  'approvals:own_agent',
  'approvals:own_run',
  'approvals:own_version',
  'approvals:team_excluded',
  'approvals:altered',
  'approvals:role',
  'approvals:not_standing_in',
  'approvals:own_team',
  'approvals:expired',
  'approvals:not_editable',
  'approvals:arguments_invalid',
  'approvals:other_rule',
  'approvals:end_not_asked',
  'approvals:not_your_wish',
] as const
export type HeldCallRule = (typeof heldCallRules)[number]

export type HeldCallView = {
  id: string
  source: HeldCallSource
  state: HeldCallState
  /** `purpose`: what it is for, as the registry says. */
  agent: { id: string; name: string; purpose: string; version: number; owner: { id: string; name: string } }
  runId: string | null
  /** Outside of a run: a digest that names the session it came from, or what stands in for one. */
  session: string | null
  server: {
    id: string
    name: string
    environment: Environment
    sensitivity: Sensitivity
    dataClasses: DataClass[]
  } | null
  tool: string
  /** What the tool does, in the words of its server; null: nothing is known of it. */
  description: string | null
  class: ToolClass | null
  /** null: the person reading does not see it (`withheld`). */
  arguments: Record<string, unknown> | null
  /** What the agent answers to what the call asked it for, by key; null for a call that goes on from nothing. */
  inputResponses: Record<string, unknown> | null
  /** What an approver made of them; null when they stayed as they were. */
  editedArguments: Record<string, unknown> | null
  /** Instead of the three before, for those who do not see values: their names, and who sees more; null: they are shown. */
  withheld: {
    argumentNames: string[]
    inputResponseNames: string[] | null
    editedArgumentNames: string[] | null
    message: string
  } | null
  /** Why it is held. */
  rule: { id: string | null; title: string }
  deciderRoles: string[]
  /** Who of them may not, with what holds for every call of its class. */
  excludedDeciders: ExcludedDecider[]
  onTimeout: TimeoutAction
  createdAt: string
  expiresAt: string
  /** Somebody waits for the answer now; otherwise the caller is away and may come back. */
  attended: boolean
  decidedBy: PersonRef | null
  /** In whose place, when somebody stood in. */
  decidedFor: PersonRef | null
  /** In whose place the person reading may decide it. */
  standIns: StandIn[]
  decidedAt: string | null
  note: string | null
  /** When the caller was told, or the call released. */
  settledAt: string | null
  /** Whether the person reading may decide, and why not. */
  decidable: { allowed: true } | { allowed: false; refusal: { rule: string; message: string } }
}

export type HeldCallList = {
  items: HeldCallView[]
  total: number
  waiting: number
  nextCursor: string | null
  /** When it was so, by the clock that ends the time to decide. */
  now: string
}
