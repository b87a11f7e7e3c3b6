import type { AgentRow, ScopeChip } from '../schema.ts'
import type { FleetAgent, FleetFacts } from './facts.ts'
import { grantsInForce } from './grants-in-force.ts'
import { escalationOf } from './sort-keys.ts'

type About = { facts: FleetFacts; clock: number }

/** A catalog row, as the index has it. */
export function rowOf(agent: FleetAgent, about: About): AgentRow {
  const { teams, people, templates } = about.facts
  const person = people.get(agent.personId)
  return {
    id: agent.id,
    name: agent.name,
    purpose: agent.purpose,
    owner: { id: agent.ownerTeamId, name: teams.get(agent.ownerTeamId)?.name ?? agent.ownerTeamId },
    accountable: { id: agent.personId, name: person?.name ?? agent.personId, active: person?.active ?? false },
    tier: agent.tier,
    status: agent.status,
    version: agent.version,
    template: {
      id: agent.templateId,
      version: agent.templateVersion,
      latest: templates.get(agent.templateId)?.latest ?? null,
    },
    scopes: chipsOf(agent, about),
    model: agent.model,
    schedule: agent.schedule,
    lastReviewedAt: isoOf(agent.lastReviewedAt),
    nextReviewAt: isoOf(agent.nextReviewAt),
    createdAt: new Date(agent.createdAt).toISOString(),
    demo: agent.demo,
    monthlyRuns: agent.runs,
    cost30dMicros: String(agent.cost),
    unpricedRequests: agent.unpriced,
    escalationRate: escalationOf(agent),
    lastRunDay: isoOf(agent.lastRunDay),
  }
}

function chipsOf(agent: FleetAgent, about: About): ScopeChip[] {
  return grantsInForce(agent, about).map(({ serverId, class: of, toolName, expiresAt }) => ({
    serverId,
    environment: about.facts.servers.get(serverId)!.environment,
    class: of,
    toolName,
    expiresAt: isoOf(expiresAt),
  }))
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
