import type { LaunchFacts, LimitRule, RunLimits } from './rules.ts'
import type { LaunchRule } from './schema.ts'

// What mattered when a launch was refused or a run ended by a limit: on record, so that whoever asks later is told how far it was used.

export type RecordedFacts = Record<string, string | number>

export function factsOfLaunch(rule: LaunchRule, facts: LaunchFacts, now: Date): RecordedFacts {
  const { agent, stop, spentMicros, budgetMicros } = facts
  switch (rule) {
    case 'budget_exhausted':
      return {
        month: now.toISOString().slice(0, 7),
        spentMicros: spentMicros.toString(),
        budgetMicros: budgetMicros.toString(),
      }
    case 'killed':
      return stop ? { stop: stop.id, scope: stop.scope, orderedBy: stop.orderedByName } : {}
    case 'agent_not_active':
      return agent ? { status: agent.status } : {}
    default:
      return {}
  }
}

type Used = { startedAt: Date; turns: number; costMicros: bigint }

/** How far a run has used the limit that ends it; nothing for a rule that is no limit. */
export function factsOfLimit(rule: string | null, run: Used, limits: Partial<RunLimits>, now: Date): RecordedFacts {
  const { turnsMax, deadlineMinutes, runBudgetMicros } = limits
  switch (rule as LimitRule) {
    case 'run_deadline':
      if (deadlineMinutes === undefined) return {}
      return { minutes: Math.floor((now.getTime() - run.startedAt.getTime()) / 60_000), deadlineMinutes }
    case 'run_turns':
      return turnsMax === undefined ? {} : { turns: run.turns, turnsMax }
    case 'run_budget':
      if (runBudgetMicros === undefined) return {}
      return { costMicros: run.costMicros.toString(), runBudgetMicros: runBudgetMicros.toString() }
    default:
      return {}
  }
}
