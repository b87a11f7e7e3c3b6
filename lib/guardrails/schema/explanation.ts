import { z } from 'zod'
import { numberMax } from '#lib/core/count.ts'
import type { Role } from '#lib/auth/permissions.ts'
import type { RunTrigger } from '../rules/facts.ts'

/** The steps of deciding about a call, in the order of precedence: the first that refuses wins, and nothing behind it is asked. */
export const callSteps = [
  'request',
  'stop',
  'caller',
  'agent_rate',
  'target_stop',
  'server',
  'tool',
  'grant',
  'conditions',
  'policy',
  'budget',
  'hold',
  'rates',
  'delivery',
] as const
/** Refusals that are of no call: of a run that is to begin, of one that goes on, of a person. */
export const otherSteps = ['launch', 'run', 'person'] as const
export type CallStepId = (typeof callSteps)[number]
export type StepId = CallStepId | (typeof otherSteps)[number]

/** What each step asks. */
export const stepTitles = {
  request: 'The broker takes the request: its token, its size, the broker itself',
  stop: 'No stop order for the agent, its team or the organization',
  caller: 'The agent is active, and its run and version are current',
  agent_rate: 'The agent calls no more often than it may',
  target_stop: 'No stop order for the server or the tool',
  server: 'The server is registered and enabled',
  tool: 'The tool is known and approved',
  grant: 'A grant that is in force covers the tool',
  conditions: 'The arguments fit the conditions of a grant',
  policy: 'The central policies permit it',
  budget: 'The agent is within its budget of the month',
  hold: 'No rule holds it for a person',
  rates: 'The grant and the server have a call left',
  delivery: 'The server answers, and the answer may pass',
  launch: 'The run may begin',
  run: 'The run may go on',
  person: 'The person may do it',
} as const satisfies Record<StepId, string>

/** `unknown`: it was asked, or will be, and its answer cannot be known from here. `broken_off`: it had begun, so what it does may have been done. */
export const stepOutcomes = ['passed', 'refused', 'held', 'broken_off', 'not_reached', 'unknown'] as const
export type StepOutcome = (typeof stepOutcomes)[number]
export type ExplainedStep = { id: StepId; title: string; outcome: StepOutcome; note: string | null }

/** A number, a word, or nothing; never a secret, and of arguments only what may be said back. */
export type ExplainedFacts = Record<string, string | number | boolean | null>

/**
 * How a decision came out. `ended`: the call was let through, and then a rule, its server or its caller ended it; one that had been sent (the fact `sent`) may have been
 * carried out.
 */
export const explainedOutcomes = ['allowed', 'refused', 'held', 'ended'] as const

export const limitUnits = ['micro-dollars', 'calls', 'turns', 'minutes', 'bytes'] as const
export const limitPeriods = ['month', 'hour', 'minute', 'second', 'run'] as const

/** How far a limit is used. `per`: in which time, or of a run; null: at once. `freeAt`: when it is free again; null: not by a time that is known. */
export type LimitUsage = {
  used: number
  limit: number
  unit: (typeof limitUnits)[number]
  per: (typeof limitPeriods)[number] | null
  freeAt: string | null
}

/** Whose decision the rule is, in words; and where the platform knows, who exactly, when, and why. */
export type SetBy = {
  text: string
  by: { kind: string; id: string | null; name: string } | null
  at: string | null
  reason: string | null
}

/** Where to go from here: a path of the portal. */
export type NextStep = { label: string; link: string }

/**
 * Why something was decided as it was: the same names in the broker's refusal, the audit log, the API and on the page. The broker's has what an agent needs of
 * it: rule, title, step, facts, usage, setBy.text, changedBy.roles, remedy.
 */
export type Explanation = {
  /** The audit event it is about; null: a simulation. */
  decision: string | null
  /** Its sequence number in the audit log. */
  seq: string | null
  event: string | null
  at: string
  outcome: (typeof explainedOutcomes)[number]
  rule: string | null
  title: string
  /** What the rule means in general. */
  meaning: string
  /** What was said about this very case. */
  message: string | null
  about: {
    agent: { id: string; name: string } | null
    server: { id: string; name: string } | null
    tool: string | null
    class: string | null
    runId: string | null
    /** Who was refused, when it was no agent. */
    actor: { kind: string; name: string } | null
  }
  step: StepId | null
  /** Empty where there is no order of steps. */
  steps: ExplainedStep[]
  facts: ExplainedFacts
  usage: LimitUsage | null
  setBy: SetBy | null
  changedBy: {
    roles: Role[]
    how: string
    /** Those who hold such a role and may for this agent. */
    people: { id: string; name: string }[]
    /** How many more there are. */
    others: number
  } | null
  remedy: string | null
  next: NextStep[]
}

/** The same call at another instant. */
export type DecidedNow = {
  at: string
  outcome: Explanation['outcome']
  rule: string | null
  title: string
  message: string | null
  /** Whether it is decided otherwise than then. */
  differs: boolean
  /** What happened in between that made it so, where the records say it. */
  because: { at: string; event: string; text: string }[]
}

export type DecisionExplanation = Explanation & {
  /** Of the demo history: the decision was made, and nobody made the call. */
  demo: boolean
  /** The same call now, its arguments left open where they are not known; null for what is no call. */
  now: DecidedNow | null
}

export const explainDecisionInput = z.strictObject({ id: z.uuid() })

/** How runs are started. */
export const runTriggers = ['manual', 'schedule', 'api', 'first_run'] as const satisfies readonly RunTrigger[]

/** A call that is only asked about. */
export const simulateInput = z.strictObject({
  agentId: z.string().min(1).max(100),
  serverId: z.string().min(1).max(100),
  /** The name of a tool, or `method:` and that of a method. */
  tool: z.string().min(1).max(200),
  /** Null: whatever they are. */
  arguments: z.record(z.string(), z.json()).nullable().default({}),
  /** An instant, past or future, as ISO 8601; left out: now. */
  at: z.string().max(40).optional(),
  /** How the run was started that the call is made in; null: it is made with the agent's own credentials, outside of runs. */
  startedBy: z.enum(runTriggers).nullable().default(null),
  /** Who is behind the call: who started that run, or issued the credential it comes with. Null: not known, and then no bypass of a hold rule lets it through. */
  behindId: z.uuid().nullable().default(null),
  /** Whether the scripted model answers that run. */
  simulatedModel: z.boolean().default(false),
  /** Judged by this set of central policies instead of the one that is enforced. */
  policySet: z.int().min(1).max(numberMax).optional(),
})
export type SimulateInput = z.input<typeof simulateInput>

/** `counted`: by all brokers; `recorded`: calls in the audit log, for what was counted then is not kept; `assumed`: only the broker that has the call knows. */
export const rateBases = ['counted', 'recorded', 'assumed'] as const

/** A limit that counts a call, and how far it is used. */
export type SimulatedRate = {
  step: 'agent_rate' | 'rates'
  what: string
  used: number
  limit: number
  per: 'second' | 'minute' | 'hour'
  /** How many may go at once; null: all of them. */
  atOnce: number | null
  basis: (typeof rateBases)[number]
  /** What the figure rests on. */
  note: string
}

export type SimulationView = Explanation & {
  /** Of the central policies it was judged by. */
  policyVersion: string
  /** The grant it would be made under. */
  grant: { id: string; class: string; toolName: string | null; via: string; expiresAt: string | null } | null
  /** The rule that would hold it. */
  hold: {
    ruleId: string
    title: string
    deciderRoles: string[]
    decideSeconds: number
    onTimeout: string
  } | null
  /** The limits that count the call; none when it is refused before, though that of its agent counts those as well. */
  rates: SimulatedRate[]
}
