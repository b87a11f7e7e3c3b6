import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { type Bitmap, countBits } from '../fleet/bitmap.ts'
import { evaluate, type Parts } from '../fleet/evaluate.ts'
import { facetOf } from '../fleet/facet-counts.ts'
import type { FleetAgent } from '../fleet/facts.ts'
import type { FleetIndex } from '../fleet/fleet-index.ts'
import { answering } from '../fleet/known-policies.ts'
import { hintsFor } from '../fleet/hints.ts'
import { fleetOf } from '../fleet/live.ts'
import { pastFleetOf } from '../fleet/past-fleet.ts'
import { rowOf } from '../fleet/row.ts'
import { instantOf } from '../history/past.ts'
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
  return (await ask(ctx, input)).list()
}

/** The catalog's page: the list and its facets, of one and the same moment. Needs `agents:read`. */
export async function searchAgents(
  ctx: Ctx,
  input: AgentListInput = {},
): Promise<{ list: AgentList; facets: AgentFacets }> {
  const asked = await ask(ctx, input)
  return { list: asked.list(), facets: asked.facets() }
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
  return (await ask(ctx, input)).rows()
}

async function ask(ctx: Ctx, input: AgentListInput): Promise<Asked> {
  authorize(ctx, 'agents:read')
  const list = agentListQuery.parse(input)
  const query = queryOf(list)
  // Refused before anything is read.
  readCursor(list)
  if (list.asOf === undefined) return new Asked(await fleetOf(ctx), { list, query, now: ctx.now })
  const at = await instantOf(ctx, { field: 'asOf', value: list.asOf })
  return new Asked(answering(await pastFleetOf(ctx, at), { query, at }), { list, query, now: at })
}

/** One question about the fleet. Everything of it is answered without waiting, so it is all of one moment. */
class Asked {
  readonly #index: FleetIndex
  readonly #about: { list: AgentListQuery; query: AgentQuery; now: Date }
  readonly #found: Bitmap
  readonly #parts: Parts = new Map()

  constructor(index: FleetIndex, about: { list: AgentListQuery; query: AgentQuery; now: Date }) {
    this.#index = index
    this.#about = about
    this.#found = evaluate(index, about.query, { now: about.now, parts: this.#parts })
  }

  list(): AgentList {
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
    return {
      items: slots.map((slot): AgentRow => rowOf(this.#index.agent(slot), about)),
      total: countBits(this.#found),
      prevCursor: first !== undefined && hasPrev ? cursor(first, 'prev') : null,
      nextCursor: last !== undefined && hasNext ? cursor(last, 'next') : null,
      hints: hintsFor(this.#index, query),
    }
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
