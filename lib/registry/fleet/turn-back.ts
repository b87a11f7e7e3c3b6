import type { Tx } from '#lib/db/client.ts'
import { otherwiseAt } from '../history/past.ts'
import { measuredSince } from '../measured.ts'
import { turnEndsBack } from './ending-grants.ts'
import { figuresOf, hasDaysAfter, lastRunDays, loadFigures, noFigures } from './figures.ts'
import type { FleetIndex } from './fleet-index.ts'
import { loadAgentsById, loadEntriesById, loadFacts, loadPastStops } from './load.ts'

/** Agents read again in one statement. */
const batchSize = 2000
/** So many changes at once are faster put in without keeping every order. */
const manyChanges = 300

/**
 * The fleet as it was at an instant, from a fleet that is up to date: a copy, in which the agents that have changed since are read again as they were.
 * What it costs follows what has changed since, not the size of the fleet. It has no figures where those of then are others: see `measureAt`.
 */
export async function turnedBack(db: Tx, now: FleetIndex, at: Date): Promise<FleetIndex> {
  // Before anything is awaited: whatever the fleet learns from here on has also changed since the instant, and is found below.
  const index = now.copy(at.getTime())
  const { changed, ending } = await otherwiseAt(db, { at, clock: new Date(now.clock) })
  index.setFacts(await loadFacts(db, at))
  index.setStops(await loadPastStops(db, at))
  const isSameWindow = index.measuredFrom === measuredSince(at).toISOString()
  if (!isSameWindow || (await hasDaysAfter(db, at))) index.forgetFigures()
  const again = [...changed, ...turnEndsBack(index, ending, at)]
  if (again.length > manyChanges) index.dropOrders()
  for (let from = 0; from < again.length; from += batchSize)
    await readAgain(db, index, again.slice(from, from + batchSize), at)
  return index
}

/** Gives a fleet that was turned back the figures of the 30 days up to then, in one pass over all of them. */
export async function measureAt(db: Tx, index: FleetIndex, at: Date): Promise<void> {
  const since = measuredSince(at)
  const figures = await loadFigures(db, { since, until: at, windowOnly: true })
  const hasRun = (id: string): boolean => (figures.get(id)?.lastRunDay ?? null) !== null
  // Who ran neither in these days nor in later ones ran last when it is known to have; of the others the day is looked for.
  const unknown = [...index.slotOf]
    .filter(([id, slot]) => !hasRun(id) && (index.agent(slot).lastRunDay ?? 0) >= since.getTime())
    .map(([id]) => id)
  const lastDays = await lastRunDays(db, unknown, at)
  index.setFigures(since.toISOString(), ({ id, lastRunDay }) => {
    const found = figures.get(id) ?? noFigures
    return { ...found, lastRunDay: found.lastRunDay ?? (lastDays.has(id) ? lastDays.get(id)! : lastRunDay) }
  })
}

/** Puts these agents back as they were, with the figures that the index has of them by now. */
async function readAgain(db: Tx, index: FleetIndex, ids: readonly string[], at: Date): Promise<void> {
  const about = { since: measuredSince(at), now: at, past: true }
  const [known, gone] = [ids.filter((id) => index.slotOf.has(id)), ids.filter((id) => !index.slotOf.has(id))]
  const agents = new Map((await loadEntriesById(db, known, about)).map((agent) => [agent.id, agent]))
  for (const id of known) {
    const [agent, slot] = [agents.get(id), index.slotOf.get(id)!]
    if (agent) index.put({ ...figuresOf(index.agent(slot)), ...agent })
    else index.remove(id)
  }
  if (gone.length === 0) return
  for (const agent of await loadAgentsById(db, gone, about)) index.put(agent)
}
