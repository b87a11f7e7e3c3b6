import { agentStatuses, type AgentSort, tiers } from '../schema.ts'
import { dayNumber } from '../query/values.ts'
import type { FleetAgent, FleetFacts } from './facts.ts'
import { grantsInForce } from './grants-in-force.ts'

type Key = string | number

/** Sortings whose keys change with what agents refer to. */
export const dependsOnFacts: readonly AgentSort[] = ['owner', 'sponsor', 'scopes']

/** Sortings by what is measured. */
export const dependsOnFigures: readonly AgentSort[] = ['runs', 'cost', 'escalation', 'active']

/** The value an agent is sorted by; what is not known comes first. */
export function sortKeyOf(
  sort: AgentSort,
  { facts, clock }: { facts: FleetFacts; clock: number },
): (agent: FleetAgent) => Key {
  switch (sort) {
    case 'id':
      return (agent) => agent.id
    case 'name':
      return (agent) => agent.name.toLowerCase()
    case 'owner':
      return (agent) => facts.teams.get(agent.ownerTeamId)?.name.toLowerCase() ?? ''
    case 'sponsor':
      return (agent) => facts.people.get(agent.personId)?.name.toLowerCase() ?? ''
    case 'status':
      return (agent) => agentStatuses.indexOf(agent.status)
    case 'tier':
      return (agent) => tiers.indexOf(agent.tier)
    case 'scopes':
      return (agent) => grantsInForce(agent, { facts, clock }).length
    case 'runs':
      return (agent) => agent.runs
    case 'cost':
      return (agent) => agent.cost
    case 'escalation':
      return (agent) => escalationOf(agent) ?? -1
    case 'reviewed':
      return (agent) => agent.lastReviewedAt ?? -1
    case 'next_review':
      return (agent) => agent.nextReviewAt ?? -1
    case 'active':
      return (agent) => lastActiveDay(agent)
    case 'template':
      return (agent) => `${agent.templateId}@${agent.templateVersion}`
    case 'model':
      return (agent) => agent.model
    case 'created':
      return (agent) => agent.createdAt
  }
}

/** Runs with an escalation divided by runs; null: no runs. */
export function escalationOf(agent: Pick<FleetAgent, 'runs' | 'escalatedRuns'>): number | null {
  return agent.runs === 0 ? null : agent.escalatedRuns / agent.runs
}

/** The UTC day of its last run, or of its registration when it never ran. */
export function lastActiveDay(agent: Pick<FleetAgent, 'lastRunDay' | 'createdAt'>): number {
  return dayNumber(agent.lastRunDay ?? agent.createdAt)
}
