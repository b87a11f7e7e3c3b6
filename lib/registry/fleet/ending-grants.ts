import type { EndingGrant } from '../history/past.ts'
import { toolClasses } from '../schema.ts'
import type { FleetAgent, FleetGrant } from './facts.ts'
import type { FleetIndex } from './fleet-index.ts'

/**
 * Puts agents back of which nothing but the end of grants lies between an instant and now. Returns those for whom that does not say enough:
 * they are to be read again.
 */
export function turnEndsBack(index: FleetIndex, ending: readonly EndingGrant[], at: Date): string[] {
  const byAgent = Map.groupBy(ending, ([agentId]) => agentId)
  const unclear: string[] = []
  for (const [agentId, ends] of byAgent) {
    const slot = index.slotOf.get(agentId)
    const then = slot === undefined ? null : grantsAt(index.agent(slot), ends.map(grantOf), at.getTime())
    if (then === null) unclear.push(agentId)
    else if (then.ended) index.put({ ...index.agent(slot!), grants: then.grants })
    else index.addGrants(slot!, then)
  }
  return unclear
}

/** `ended`: one that is known is over by then. */
type Then = { grants: FleetGrant[]; added: FleetGrant[]; ended: boolean }

/** Null: two grants differ by nothing that their order goes by but their ids, which are not known. */
function grantsAt({ grants: known }: FleetAgent, ends: readonly FleetGrant[], at: number): Then | null {
  const isThere = ({ expiresAt }: FleetGrant): boolean => expiresAt === null || expiresAt > at
  const added = ends.filter((end) => isThere(end) && !known.some((grant) => isSame(grant, end)))
  const grants = [...known.filter(isThere), ...added].toSorted(compare)
  if (grants.some((grant, place) => place > 0 && compare(grants[place - 1]!, grant) === 0)) return null
  return { grants, added, ended: grants.length < known.length + added.length }
}

function grantOf([, serverId, of, toolName, breakGlass, conditional, expiresAt]: EndingGrant): FleetGrant {
  return { serverId, class: of, toolName, breakGlass, conditional, expiresAt }
}

/** In the order in which the grants of an agent are read. */
function compare(a: FleetGrant, b: FleetGrant): number {
  return (
    compareText(a.serverId, b.serverId) ||
    toolClasses.indexOf(a.class) - toolClasses.indexOf(b.class) ||
    compareText(a.toolName ?? '', b.toolName ?? '')
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isSame(a: FleetGrant, b: FleetGrant): boolean {
  return compare(a, b) === 0 && a.expiresAt === b.expiresAt
}
