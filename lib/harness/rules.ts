import { formatMicros, microsPerDollar } from '#lib/core/money.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import type { LaunchRefusal, RunState } from './schema.ts'

/** What an agent may spend in a calendar month (UTC) when its entry names no budget. */
export const defaultMonthlyBudgetMicros = 500n * microsPerDollar

/** Everything the launch gate decides on, gathered in the transaction that starts the run. */
export type LaunchFacts = {
  agentId: string
  /** null: not registered */
  agent: { status: string; statusReason: string | null; currentVersion: number } | null
  /** The widest stop order in force for the agent. */
  stop: { id: string; scope: string; orderedByName: string; reason: string } | null
  /** The current version exists at Claude. */
  bound: boolean
  /** What the agent's template version needs; null: that version is not published, so nobody knows. */
  required: readonly { serverId: string; class: ToolClass }[] | null
  /** Grants in force. */
  grants: readonly { serverId: string; class: ToolClass }[]
  spentMicros: bigint
  budgetMicros: bigint
}

/** Registered, not stopped, active, ready at Claude, granted, within budget: the order is the policy, the first refusal wins. */
export function decideLaunch(facts: LaunchFacts): Result<{ version: number }, LaunchRefusal> {
  const { agentId, agent, stop } = facts
  if (!agent) {
    return err({ rule: 'agent_unknown', message: `No agent ${agentId} is registered.` })
  }
  if (stop) {
    const message = `A stop order on the ${stop.scope} by ${stop.orderedByName} is in force: ${stop.reason}`
    return err({ rule: 'killed', message, stopOrderId: stop.id })
  }
  if (agent.status !== 'active') {
    const why = agent.statusReason ? `: ${agent.statusReason}` : '.'
    return err({ rule: 'agent_not_active', message: `${agentId} is ${agent.status}${why}` })
  }
  if (!facts.bound) {
    const message = `Version ${agent.currentVersion} of ${agentId} is not ready at Claude yet.`
    return err({ rule: 'version_not_bound', message })
  }
  const missing = missingGrants(facts)
  if (missing === null) {
    return err({ rule: 'grant_missing', message: `What ${agentId} needs is not known: its template version is gone.` })
  }
  if (missing.length > 0) {
    const what = missing.map((scope) => `${scope.class} on ${scope.serverId}`).join(', ')
    return err({ rule: 'grant_missing', message: `${agentId} needs ${what}, which nobody has granted.`, missing })
  }
  if (facts.spentMicros >= facts.budgetMicros) {
    const message = `${agentId} has spent ${formatMicros(facts.spentMicros)} of ${formatMicros(facts.budgetMicros)} this month.`
    return err({ rule: 'budget_exhausted', message })
  }
  return ok({ version: agent.currentVersion })
}

function missingGrants(facts: LaunchFacts): { serverId: string; class: ToolClass }[] | null {
  if (!facts.required) return null
  return facts.required.filter(
    (need) => !facts.grants.some((grant) => grant.serverId === need.serverId && covers(grant.class, need.class)),
  )
}

export type RunLimits = { turnsMax: number; deadlineMinutes: number; runBudgetMicros: number }
const limitRules = ['run_deadline', 'run_turns', 'run_budget'] as const
export type LimitRule = (typeof limitRules)[number]

export function isLimit(rule: string | null): rule is LimitRule {
  return (limitRules as readonly (string | null)[]).includes(rule)
}

/** The limit a running run has reached, if any. Usage that is not priced cannot be compared; Claude's own session budget still holds. */
export function reachedLimit(
  run: { startedAt: Date; turns: number; costMicros: bigint },
  limits: Partial<RunLimits>,
  now: Date,
): LimitRule | null {
  const { turnsMax, deadlineMinutes, runBudgetMicros } = limits
  if (deadlineMinutes !== undefined && now.getTime() - run.startedAt.getTime() >= deadlineMinutes * 60_000)
    return 'run_deadline'
  if (turnsMax !== undefined && run.turns >= turnsMax) return 'run_turns'
  if (runBudgetMicros !== undefined && run.costMicros >= BigInt(runBudgetMicros)) return 'run_budget'
  return null
}

/** How a run that was asked to stop ends: by a limit it failed, by people and the kill switch it was stopped. */
export function endOfStopped(rule: string | null): {
  state: Extract<RunState, 'failed' | 'stopped'>
  stopReason: string
} {
  switch (rule) {
    case 'run_deadline':
      return { state: 'failed', stopReason: 'deadline' }
    case 'run_turns':
      return { state: 'failed', stopReason: 'turns' }
    case 'run_budget':
      return { state: 'failed', stopReason: 'budget_reached' }
    case 'killed':
      return { state: 'stopped', stopReason: 'killed' }
    default:
      return { state: 'stopped', stopReason: 'interrupted' }
  }
}
