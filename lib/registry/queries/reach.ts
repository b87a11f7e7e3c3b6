import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { stopText } from '../fleet/access.ts'
import type { FleetAgent, FleetFacts, FleetGrant, FleetStop } from '../fleet/facts.ts'
import { noFigures } from '../fleet/figures.ts'
import { FleetIndex } from '../fleet/fleet-index.ts'
import { fleetOf } from '../fleet/live.ts'
import { loadEntriesById, loadFacts, loadPastStops, poll } from '../fleet/load.ts'
import { measuredSince } from '../measured.ts'
import type { GrantReach, ToolClass } from '../schema.ts'

/** What is asked of a grant to say what it reaches. */
export type GrantOnPaper = {
  agentId: string
  serverId: string
  class: ToolClass
  toolName: string | null
  via: string
  conditions: readonly unknown[]
  expiresAt: Date | null
  revokedAt: Date | null
}

/**
 * What each of these grants reaches, as the catalog has it: now, or as it was at an instant. `index`: a fleet of that time with their agents in it, where there is one at hand.
 * Callers authorize.
 */
export async function reachOfGrants(
  ctx: Ctx,
  { grants, past, index }: { grants: readonly GrantOnPaper[]; past: Date | null; index?: FleetIndex | undefined },
): Promise<GrantReach[]> {
  if (grants.length === 0) return []
  const at = (past ?? ctx.now).getTime()
  const around = index ?? (await fleetAround(ctx, { agentIds: grants.map(({ agentId }) => agentId), past }))
  return grants.map((grant) => {
    const slot = around.slotOf.get(grant.agentId)
    const isOver = grant.revokedAt !== null || (grant.expiresAt !== null && grant.expiresAt.getTime() <= at)
    return slot === undefined || isOver
      ? { tools: [], unreached: [] }
      : reachNow(around, { grant, agent: around.agent(slot) })
  })
}

/** A fleet of these alone. */
export function fleetWith(of: {
  agents: readonly FleetAgent[]
  facts: FleetFacts
  stops: readonly FleetStop[]
  at: Date
}): FleetIndex {
  const index = new FleetIndex()
  index.advance(of.at.getTime())
  index.setFacts(of.facts)
  index.setStops(of.stops)
  for (const agent of of.agents) index.put(agent)
  return index
}

/** The fleet of now is at hand; of an instant, and in an open transaction, only these agents are read. */
async function fleetAround(
  ctx: Ctx,
  { agentIds, past }: { agentIds: readonly string[]; past: Date | null },
): Promise<FleetIndex> {
  if (!past && !ctx.tx) return await fleetOf(ctx)
  const db = reader(ctx)
  const at = past ?? ctx.now
  const about = { since: measuredSince(at), now: at, past: past !== null }
  const entries = await loadEntriesById(db, [...new Set(agentIds)], about)
  const facts = await loadFacts(db, past)
  const stops = past ? await loadPastStops(db, past) : (await poll(db, null)).stops
  return fleetWith({ agents: entries.map((entry) => ({ ...entry, ...noFigures })), facts, stops, at })
}

function reachNow(index: FleetIndex, { grant, agent }: { grant: GrantOnPaper; agent: FleetAgent }): GrantReach {
  const { reached, unreached } = index.reachFor(kindFacts(grant), agent)
  const stop = index.stopOf(agent)
  const shut = [...(stop ? reached.map(({ name }) => ({ name, why: stopText(stop) })) : []), ...unreached]
  const byReason = new Map<string, string[]>()
  for (const { name, why } of shut) byReason.set(why, [...(byReason.get(why) ?? []), name])
  return {
    tools: stop ? [] : reached.map(({ name }) => name),
    unreached: [...byReason].map(([why, tools]) => ({ why, tools })),
  }
}

/** What a grant is to the fleet. */
export function kindFacts(
  grant: Pick<GrantOnPaper, 'serverId' | 'class' | 'toolName' | 'via' | 'conditions'>,
): Omit<FleetGrant, 'expiresAt'> {
  const { serverId, class: of, toolName, via, conditions } = grant
  return { serverId, class: of, toolName, breakGlass: via === 'break_glass', conditional: conditions.length > 0 }
}
