import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { type Bitmap, countBits } from '../fleet/bitmap.ts'
import { evaluate, type Parts } from '../fleet/evaluate.ts'
import { facetOf } from '../fleet/facet-counts.ts'
import type { FleetAgent, FleetFigures } from '../fleet/facts.ts'
import { loadFigures, noFigures } from '../fleet/figures.ts'
import type { FleetIndex } from '../fleet/fleet-index.ts'
import { answering } from '../fleet/known-policies.ts'
import { hintsFor } from '../fleet/hints.ts'
import { fleetOf } from '../fleet/live.ts'
import { pastFleetOf } from '../fleet/past-fleet.ts'
import { rowOf } from '../fleet/row.ts'
import { dependsOnFigures } from '../fleet/sort-keys.ts'
import { instantOf } from '../history/past.ts'
import { measuredSince } from '../measured.ts'
import { asksAboutFigures } from '../query/asked-keys.ts'
import type { AgentQuery } from '../query/ast.ts'
import { queryOf } from '../query/of-list.ts'
import {
  type AgentFacets,
  type AgentList,
  type AgentListInput,
  type AgentListQuery,
  agentListQuery,
  type AgentRow,
  facetKeys,
} from '../schema.ts'

/**
 * The catalog: filtered, sorted and paged, with the count of all matches. Pages are found by position, so agents created or retired
 * meanwhile neither repeat nor skip a row. With `asOf` all of it is as it was then. Needs `agents:read`; throws `invalid` for a query (with
 * its column), cursor or instant that is wrong.
 */
export async function listAgents(ctx: Ctx, input: AgentListInput = {}): Promise<AgentList> {
  return await (await ask(ctx, input)).list()
}

/** The catalog's page: the list and its facets, of one and the same moment. Needs `agents:read`. */
export async function searchAgents(
  ctx: Ctx,
  input: AgentListInput = {},
): Promise<{ list: AgentList; facets: AgentFacets }> {
  const asked = await ask(ctx, input)
  const [list, facets] = [asked.list(), asked.facets()]
  return { list: await list, facets }
}

/** Counts by value for the filter panel; each facet leaves its own filter out. Needs `agents:read`. */
export async function agentFacets(ctx: Ctx, input: AgentListInput = {}): Promise<AgentFacets> {
  return (await ask(ctx, input)).facets()
}

/** The ids of all that match, in order, as of one moment. Needs `agents:read`. */
export async function matchingAgentIds(ctx: Ctx, input: AgentListInput = {}): Promise<string[]> {
  return (await ask(ctx, input)).ids()
}

/**
 * Every row that matches, in order, as of one moment however slowly they are read: nothing but what is read at a time is made. Needs
 * `agents:read`.
 */
export async function catalogRows(ctx: Ctx, input: AgentListInput = {}): Promise<Iterable<AgentRow>> {
  return (await ask(ctx, input, { everyRow: true })).rows()
}

/** `everyRow`: all rows that match are shown, with their figures. */
async function ask(ctx: Ctx, input: AgentListInput, { everyRow = false } = {}): Promise<Asked> {
  authorize(ctx, 'agents:read')
  const list = agentListQuery.parse(input)
  const query = queryOf(list)
  // Refused before anything is read.
  readCursor(list)
  if (list.asOf === undefined) return new Asked(await fleetOf(ctx), { list, query, now: ctx.now, figuresOf: null })
  const at = await instantOf(ctx, { field: 'asOf', value: list.asOf })
  const figures = everyRow || asksAboutFigures(query) || dependsOnFigures.includes(list.sort)
  const index = answering(await pastFleetOf(ctx, { at, figures }), { query, at })
  return new Asked(index, { list, query, now: at, figuresOf: (ids) => figuresAt(ctx, { ids, at }) })
}

/** The figures of single agents in the 30 days up to an instant. */
async function figuresAt(ctx: Ctx, { ids, at }: { ids: readonly string[]; at: Date }): Promise<Figures> {
  return await loadFigures(reader(ctx), { since: measuredSince(at), until: at, ids })
}

type Figures = ReadonlyMap<string, FleetFigures>
/** `figuresOf`: for a fleet without figures. */
type About = {
  list: AgentListQuery
  query: AgentQuery
  now: Date
  figuresOf: ((ids: readonly string[]) => Promise<Figures>) | null
}

/** One question about the fleet. Everything of it is found without waiting, so it is all of one moment. */
class Asked {
  readonly #index: FleetIndex
  readonly #about: About
  readonly #found: Bitmap
  readonly #parts: Parts = new Map()

  constructor(index: FleetIndex, about: About) {
    this.#index = index
    this.#about = about
    this.#found = evaluate(index, about.query, { now: about.now, parts: this.#parts })
  }

  async list(): Promise<AgentList> {
    const { list, query } = this.#about
    const from = readCursor(list)
    const order = this.#index.order(list.sort)
    const up = (list.order === 'asc') === (from?.direction !== 'prev')
    const slots = order.page(this.#found, { up, limit: list.limit + 1, from })
    const hasMore = slots.length > list.limit
    slots.length = Math.min(slots.length, list.limit)
    const backward = from?.direction === 'prev'
    if (backward) slots.reverse()
    const [first, last] = [slots[0], slots.at(-1)]
    const hasPrev = backward ? hasMore : from !== null
    const hasNext = backward || hasMore
    const about = { facts: this.#index.facts, clock: this.#index.clock }
    const cursor = (slot: number, direction: 'next' | 'prev') =>
      writeCursor(list, { key: order.keyOf(slot), id: this.#index.agent(slot).id, direction })
    const page = {
      total: countBits(this.#found),
      prevCursor: first !== undefined && hasPrev ? cursor(first, 'prev') : null,
      nextCursor: last !== undefined && hasNext ? cursor(last, 'next') : null,
      hints: hintsFor(this.#index, query),
    }
    const agents = await this.#measured(slots.map((slot) => this.#index.agent(slot)))
    return { items: agents.map((agent) => rowOf(agent, about)), ...page }
  }

  async #measured(agents: FleetAgent[]): Promise<FleetAgent[]> {
    if (this.#index.hasFigures || !this.#about.figuresOf) return agents
    const figures = await this.#about.figuresOf(agents.map(({ id }) => id))
    return agents.map((agent) => ({ ...agent, ...(figures.get(agent.id) ?? noFigures) }))
  }

  facets(): AgentFacets {
    const about = { query: this.#about.query, now: this.#about.now, found: this.#found, parts: this.#parts }
    return Object.fromEntries(facetKeys.map((key) => [key, facetOf(this.#index, key, about)])) as AgentFacets
  }

  ids(): string[] {
    return this.#agents().map(({ id }) => id)
  }

  rows(): Iterable<AgentRow> {
    const about = { facts: this.#index.facts, clock: this.#index.clock }
    // What is known of an agent is replaced, never changed, so these stay as they are now.
    return this.#agents()
      .values()
      .map((agent) => rowOf(agent, about))
  }

  #agents(): FleetAgent[] {
    const { list } = this.#about
    const options = { up: list.order === 'asc', limit: Number.POSITIVE_INFINITY, from: null }
    return this.#index
      .order(list.sort)
      .page(this.#found, options)
      .map((slot) => this.#index.agent(slot))
  }
}
