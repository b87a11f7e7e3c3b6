import type { RuleId, RuleWords } from '../schema.ts'
import type { AgentFacts, GrantFacts, RunFacts, RunTrigger, ServerFacts, ToolFacts } from './facts.ts'

/** What the central policies judge: plain data, so that it can be recorded and asked again. `grants` are those in force that cover the tool: at least one. */
export type PolicyQuestion = {
  readonly agent: Pick<AgentFacts, 'id' | 'teamId' | 'tier' | 'templateId'>
  readonly server: Pick<ServerFacts, 'id' | 'environment' | 'sensitivity' | 'demo'>
  readonly tool: Pick<ToolFacts, 'serverId' | 'name' | 'class' | 'isMethod'>
  readonly grants: readonly GrantFacts[]
  readonly simulated: boolean
  readonly breakGlass: boolean
  /** The run the call is made in; null with a token of the agent's own credentials. */
  readonly session: SessionFacts | null
  readonly clock: CallClock
}

/** Of a run, what policies see; not which run it is, so that all like it are decided alike. */
export type SessionFacts = { readonly agentVersion: number; readonly startedBy: RunTrigger }

/** The time of a call as policies see it, in UTC: the hour from 0 to 23, the day of the week from 1 (Monday) to 7. */
export type CallClock = { readonly hour: number; readonly weekday: number }

/** The question about a call; `grants` are those that fit it. */
export function policyQuestion(
  call: Pick<PolicyQuestion, 'agent' | 'server' | 'tool' | 'grants'> & { run: RunFacts | null; now: Date },
): PolicyQuestion {
  const { agent, server, tool, grants, run, now } = call
  return {
    agent,
    server,
    tool,
    grants,
    simulated: run?.simulated ?? false,
    breakGlass: grants.some((grant) => grant.via === 'break_glass'),
    session: run && { agentVersion: run.agentVersion, startedBy: run.trigger },
    clock: clockOf(now),
  }
}

export function clockOf(now: Date): CallClock {
  return { hour: now.getUTCHours(), weekday: now.getUTCDay() || 7 }
}

/** A set of central policies, ready to judge. Null: permitted, to be seen and to be called alike. */
export type PolicySet = {
  /** Of its text: another text has another version. */
  readonly version: string
  /** Why it judges nothing and refuses everything; null: it does judge. */
  readonly problem: string | null
  /** It could not be opened, for a reason that is not in its text: to be opened anew by who asks next. */
  readonly failed?: true
  /** Whether what it decides follows the hour or the day; left out: it may. */
  readonly timed?: boolean
  judge(question: PolicyQuestion): RuleId | null
  /** What the set says about a policy of its own. */
  wordsOf(ruleId: string): RuleWords | null
}

/** Stands where no set can judge: every call is refused. */
export function refusingPolicySet(version: string, problem: string): PolicySet {
  return { version, problem, judge: () => 'policy_error', wordsOf: () => null }
}
