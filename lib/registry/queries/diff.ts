import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { timeText } from '#lib/core/instant.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { type Bitmap, countBits, hasBit } from '../fleet/bitmap.ts'
import { evaluate } from '../fleet/evaluate.ts'
import type { FleetIndex } from '../fleet/fleet-index.ts'
import { answering } from '../fleet/known-policies.ts'
import { fleetOf } from '../fleet/live.ts'
import { pastFleetOf } from '../fleet/past-fleet.ts'
import { rowOf } from '../fleet/row.ts'
import { entryChanges, grantChanges, rowChanges } from '../history/diff.ts'
import { reachOfAgents, reachParts } from '../history/reach-diff.ts'
import { momentOf, momentView } from '../history/past.ts'
import { asksAboutFigures } from '../query/asked-keys.ts'
import { queryOf } from '../query/of-list.ts'
import type { AgentRow } from '../schema.ts'
import type {
  AgentDiff,
  AgentDiffInput,
  AgentListDiff,
  AgentMoment,
  DiffQuery,
  ReachChange,
} from '../schema/history.ts'
import { agentDiffQuery } from '../schema/history.ts'
import { agentAt } from './as-of.ts'
import { agentNotFound } from './agents.ts'

/** So many agents of each kind are told. */
const toldMax = 200
const momentsMax = 100
const momentCursor = timeText()

/**
 * How an agent's entry and what it could reach differ between two instants; `to` left out: now. Needs `agents:read`; throws `not_found` if
 * it is at neither, and `invalid` for an instant.
 */
export async function diffAgent(ctx: Ctx, { agentId, ...query }: DiffQuery & { agentId: string }): Promise<AgentDiff> {
  authorize(ctx, 'agents:read')
  const from = await momentOf(ctx, { field: 'from', value: query.from })
  const to = await momentOf(ctx, { field: 'to', value: query.to ?? null })
  const [before, after] = [await agentAt(ctx, { agentId, at: from.at }), await agentAt(ctx, { agentId, at: to.at })]
  if (!before && !after) throw agentNotFound(agentId, to.at)
  const presence = before ? (after ? null : 'left') : 'appeared'
  return {
    agentId,
    name: (after ?? before)!.name,
    from: momentView(from),
    to: momentView(to),
    presence,
    fields: entryChanges(before, after),
    grants: grantChanges(before?.access ?? [], after?.access ?? []),
  }
}

/**
 * How the answer to a query differs between two instants: what came, what went, what is different of the rest, and who gained or lost reach. Needs `agents:read`;
 * throws `invalid` for a query or an instant.
 */
export async function diffAgents(ctx: Ctx, input: AgentDiffInput): Promise<AgentListDiff> {
  authorize(ctx, 'agents:read')
  const asked = agentDiffQuery.parse(input)
  const query = queryOf(asked)
  const from = await momentOf(ctx, { field: 'from', value: asked.from })
  const until = asked.to === undefined ? null : await momentOf(ctx, { field: 'to', value: asked.to })
  const figures = asksAboutFigures(query)
  const found = (index: FleetIndex, at: Date) => ({ index, at, bits: evaluate(index, query, { now: at }) })
  const then = async (at: Date) => found(answering(await pastFleetOf(ctx, { at, figures }), { query, at }), at)
  const before = await then(from.at)
  const to = until ?? (await momentOf(ctx, { field: 'to', value: null }))
  // The fleet of now is at hand. It changes with the next question, so nothing is awaited from here on.
  const after = until ? await then(until.at) : found(await fleetOf(ctx), ctx.now)
  const isReachKnown = before.index.facts.guardrails.known && after.index.facts.guardrails.known
  const diff: AgentListDiff = {
    from: momentView(from),
    to: momentView(to),
    total: { from: countBits(before.bits), to: countBits(after.bits) },
    appeared: [],
    left: [],
    changed: [],
    reach: isReachKnown ? [] : null,
    more: { appeared: 0, left: 0, changed: 0, reach: 0 },
  }
  const tell = (kind: 'appeared' | 'left' | 'changed', agent: AgentListDiff['changed'][number]) => {
    if (diff[kind].length >= toldMax) diff.more[kind] += 1
    else if (kind === 'changed') diff.changed.push(agent)
    else diff[kind].push({ id: agent.id, name: agent.name })
  }
  for (const [id, slot] of sorted(after.index)) {
    if (!hasBit(after.bits, slot)) continue
    const { name } = after.index.agent(slot)
    const earlier = before.index.slotOf.get(id)
    if (earlier === undefined || !hasBit(before.bits, earlier)) tell('appeared', { id, name, fields: [] })
    else {
      const fields = rowChanges(rowAt(before, earlier), rowAt(after, slot))
      if (fields.length > 0) tell('changed', { id, name, fields })
    }
  }
  for (const [id, slot] of sorted(before.index)) {
    const later = after.index.slotOf.get(id)
    const left = hasBit(before.bits, slot) && (later === undefined || !hasBit(after.bits, later))
    if (left) tell('left', { id, name: before.index.agent(slot).name, fields: [] })
  }
  for (const change of isReachKnown ? reachChanges(before, after) : []) {
    if (diff.reach!.length < toldMax) diff.reach!.push(change)
    else diff.more.reach += 1
  }
  return diff
}

type Found = { index: FleetIndex; at: Date; bits: Bitmap }

/** Those that match at either instant and reach something else, by their ids. */
function reachChanges(before: Found, after: Found): ReachChange[] {
  const [earlier, later] = [reachOfAgents(before.index), reachOfAgents(after.index)]
  const ids = new Set([...matching(before), ...matching(after)])
  return [...ids].toSorted().flatMap((id) => {
    const [was, is] = [before.index.slotOf.get(id), after.index.slotOf.get(id)]
    const [had, has] = [earlier(was), later(is)]
    const change = { gained: reachParts(has, had), lost: reachParts(had, has) }
    if (change.gained.length + change.lost.length === 0) return []
    const { name } = is === undefined ? before.index.agent(was!) : after.index.agent(is)
    return [{ id, name, ...change }]
  })
}

function matching({ index, bits }: Found): string[] {
  return [...index.slotOf].filter(([, slot]) => hasBit(bits, slot)).map(([id]) => id)
}

/**
 * The instants at which an agent's entry or one of its grants changed, newest first; `nextCursor` is null on the last page. Needs
 * `agents:read`; throws `not_found`, and `invalid` for a cursor that is no instant.
 */
export async function listAgentMoments(
  ctx: Ctx,
  { agentId, limit = momentsMax, cursor }: { agentId: string; limit?: number; cursor?: string | undefined },
): Promise<{ items: AgentMoment[]; nextCursor: string | null }> {
  authorize(ctx, 'agents:read')
  if (cursor !== undefined && !momentCursor.safeParse(cursor).success) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const rows = await reader(ctx).$queryRaw<{ at: Date; auditSeq: bigint; kinds: string[] }[]>`
    select m."at", m."auditSeq", array_agg(distinct e."kind") as kinds
    from "HistoryEntry" e join "HistoryMoment" m on m."id" = e."momentId"
    where e."kind" in ('Agent', 'Grant') and e."parent" = ${agentId} and m."at" is not null
      ${cursor === undefined ? Prisma.empty : Prisma.sql`and m."at" < ${new Date(cursor)}`}
    group by m."at", m."auditSeq" order by m."at" desc limit ${limit + 1}`
  // Every agent has its registration, or how it was when the records began.
  if (rows.length === 0 && cursor === undefined) throw agentNotFound(agentId)
  const items = rows.slice(0, limit).map(({ at, auditSeq, kinds }) => ({
    at: at.toISOString(),
    auditSeq: auditSeq.toString(),
    entry: kinds.includes('Agent'),
    grants: kinds.includes('Grant'),
  }))
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.at ?? null) : null }
}

function rowAt({ index, at }: { index: FleetIndex; at: Date }, slot: number): AgentRow {
  return rowOf(index.agent(slot), { facts: index.facts, clock: at.getTime() })
}

function sorted({ slotOf }: FleetIndex): [string, number][] {
  return [...slotOf].toSorted(([a], [b]) => (a < b ? -1 : 1))
}
