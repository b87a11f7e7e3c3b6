import type { FleetIndex } from '../fleet/fleet-index.ts'
import { type ToolClass, toolClasses } from '../schema.ts'
import type { ReachPart } from '../schema/history.ts'

/**
 * What agents of a fleet reach, by server and class of tool: effective access, so that a quarantined tool, a stop, a guardrail or a disabled
 * server takes away what a grant says. Undefined: an agent that is not there. Agents that are alike are looked at once.
 */
export function reachOfAgents(index: FleetIndex): (slot: number | undefined) => readonly string[] {
  const known = new Map<string, readonly string[]>()
  return (slot) => {
    if (slot === undefined) return []
    const agent = index.agent(slot)
    if (index.stopOf(agent)) return []
    const grants = agent.grants.filter(({ expiresAt }) => expiresAt === null || expiresAt > index.clock)
    if (grants.length === 0) return []
    const named = index.facts.guardrails.namesAgent(agent.id) ? agent.id : ''
    const alike = [agent.tier, agent.ownerTeamId, agent.templateId, named, ...index.kinds(slot)].join('\n')
    let found = known.get(alike)
    if (!found) {
      const reached = grants.flatMap((grant) => index.reachFor(grant, agent).reached)
      found = [...new Set(reached.map((tool) => `${tool.serverId} ${tool.class}`))].toSorted()
      known.set(alike, found)
    }
    return found
  }
}

/** Pure: what is in the one and not in the other, by server and then by class. */
export function reachParts(of: readonly string[], without: readonly string[]): ReachPart[] {
  const missing = of.filter((part) => !without.includes(part))
  return missing
    .map(partOf)
    .toSorted((a, b) => (a.serverId < b.serverId ? -1 : a.serverId > b.serverId ? 1 : rank(a) - rank(b)))
}

/** Ids of servers hold no space. */
function partOf(part: string): ReachPart {
  const [serverId = '', of = ''] = part.split(' ')
  return { serverId, class: of as ToolClass }
}

function rank({ class: of }: ReachPart): number {
  return toolClasses.indexOf(of)
}
