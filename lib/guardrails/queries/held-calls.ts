import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import { askedEnd } from '#lib/core/second-person.ts'
import { pastOwnersOf, personNames } from '#lib/registry/queries.ts'
import type { PastOwners } from '#lib/registry/rules/past-owners.ts'
import type { DataClass, PersonRef } from '#lib/registry/schema.ts'
import type { ArgumentCondition } from '#lib/registry/schema/conditions.ts'
import { driverIdsOf } from './drivers.ts'
import { writersOfMany } from './writers.ts'
import type { HeldDriver } from '../rules/drivers.ts'
import { decidableFirst } from './held-order.ts'
import { excludedFrom, type DecidableHeldCall, heldDecidability } from '../rules/held-calls.ts'
import { heldValues } from '../rules/held-values.ts'
import { decideHeldInPlaceOf } from '../rules/held-stand-in.ts'
import {
  type ExcludedDecider,
  type HeldCallList,
  type HeldCallListInput,
  heldCallListQuery,
  type HeldCallView,
  type HoldRuleView,
  type TimeoutAction,
} from '../schema/held-calls.ts'

/** Somebody who waits says so every ten seconds. */
const attendedMs = 30_000

/** Held calls: those that wait oldest first (with `first` those that the reader may decide about before the others), any other list newest first. Needs `runs:read`. */
export async function listHeldCalls(ctx: Ctx, input: HeldCallListInput = {}): Promise<HeldCallList> {
  authorize(ctx, 'runs:read')
  const { state, id, agentId, runId, first, limit, cursor } = heldCallListQuery.parse(input)
  const inState = state === 'decided' ? { state: { not: 'waiting' as const } } : { state }
  const where = { ...inState, id, agentId, runId }
  const direction = state === 'waiting' ? 'asc' : 'desc'
  const db = reader(ctx)
  const last =
    cursor === undefined
      ? null
      : await db.heldCall.findUnique({ where: { id: cursor }, select: { createdAt: true, id: true } })
  if (cursor !== undefined && !last) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const after = last ? behind(last, direction) : null
  const ordered =
    first === 'decidable' && state === 'waiting'
      ? await decidableFirst(ctx, { where, behind: after, last: last?.id ?? null, take: limit + 1 })
      : null
  const found = await db.heldCall.findMany({
    where: ordered ? { id: { in: ordered } } : { ...where, ...after },
    orderBy: [{ createdAt: direction }, { id: direction }],
    take: limit + 1,
    select: viewSelect,
  })
  const rows = ordered ? ordered.flatMap((each) => found.find((row) => row.id === each) ?? []) : found
  const total = await db.heldCall.count({ where })
  const waiting = await db.heldCall.count({ where: { state: 'waiting', expiresAt: { gt: ctx.now } } })
  const page = rows.slice(0, limit)
  const nextCursor = rows.length > limit ? (page.at(-1)?.id ?? null) : null
  return { items: await toViews(ctx, page), total, waiting, nextCursor, now: ctx.now.toISOString() }
}

/** What comes behind the last row of a page, also when that one is in the list no more. */
function behind(last: { createdAt: Date; id: string }, direction: 'asc' | 'desc'): Prisma.HeldCallWhereInput {
  const than = direction === 'asc' ? 'gt' : 'lt'
  const { createdAt, id } = last
  return { OR: [{ createdAt: { [than]: createdAt } }, { createdAt, id: { [than]: id } }] }
}

/** One held call. Needs `runs:read`; throws `not_found`. */
export async function getHeldCall(ctx: Ctx, id: string): Promise<HeldCallView> {
  authorize(ctx, 'runs:read')
  const row = await reader(ctx).heldCall.findUnique({ where: { id }, select: viewSelect })
  const [view] = row ? await toViews(ctx, [row]) : []
  if (!view) throw new DomainError('not_found', 'There is no such held call.')
  return view
}

/** How many calls wait for a person now, for the badge. Needs `runs:read`. */
export async function countWaitingCalls(ctx: Ctx): Promise<number> {
  authorize(ctx, 'runs:read')
  return await reader(ctx).heldCall.count({ where: { state: 'waiting', expiresAt: { gt: ctx.now } } })
}

/** The rules that hold calls, in the order they are asked; with `history` those that were removed, too. Needs `runs:read`. */
export async function listHoldRules(ctx: Ctx, { history = false } = {}): Promise<HoldRuleView[]> {
  authorize(ctx, 'runs:read')
  return await readHoldRules(ctx, history ? {} : { removedAt: null })
}

/** One of these rules, also one that was removed. Needs `runs:read`; throws `not_found`. */
export async function getHoldRule(ctx: Ctx, id: string): Promise<HoldRuleView> {
  authorize(ctx, 'runs:read')
  const [rule] = await readHoldRules(ctx, { id })
  if (!rule) throw new DomainError('not_found', 'There is no such rule.')
  return rule
}

async function readHoldRules(ctx: Ctx, where: Prisma.HoldRuleWhereInput): Promise<HoldRuleView[]> {
  const rows = await reader(ctx).holdRule.findMany({
    where,
    orderBy: [{ position: 'asc' }, { createdAt: 'asc' }, { id: 'asc' }],
    take: 1000,
    omit: { removedById: true, takesPlaceOfId: true, positionBefore: true, movedAt: true },
  })
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.createdById, row.endAskedById]),
  )
  const person = (id: string) => people.get(id) ?? { id, name: 'unknown', active: false }
  return rows.map(({ createdById, endAskedById, endAskedAt, endAskedReason, ...row }) => ({
    ...row,
    endAsked: row.removedAt ? null : askedEnd({ endAskedById, endAskedAt, endAskedReason }, { now: ctx.now, person }),
    conditions: row.conditions as ArgumentCondition[],
    excludedDeciders: row.excludedDeciders as ExcludedDecider[],
    onTimeout: row.onTimeout as TimeoutAction,
    createdBy: createdById ? (people.get(createdById) ?? null) : null,
    createdAt: row.createdAt.toISOString(),
    removedAt: row.removedAt?.toISOString() ?? null,
  }))
}

const viewSelect = {
  id: true,
  source: true,
  state: true,
  agentId: true,
  agentVersion: true,
  runId: true,
  session: true,
  startedById: true,
  drivenById: true,
  drivenBySubject: true,
  serverId: true,
  tool: true,
  class: true,
  arguments: true,
  inputResponses: true,
  editedArguments: true,
  ruleId: true,
  ruleTitle: true,
  deciderRoles: true,
  excludedDeciders: true,
  onTimeout: true,
  createdAt: true,
  expiresAt: true,
  seenAt: true,
  decidedById: true,
  decidedForId: true,
  decidedAt: true,
  note: true,
  settledAt: true,
  agent: {
    select: {
      id: true,
      name: true,
      purpose: true,
      accountablePersonId: true,
      ownerTeam: { select: { id: true, name: true } },
    },
  },
} satisfies Prisma.HeldCallSelect
type Row = Prisma.HeldCallGetPayload<{ select: typeof viewSelect }>

async function toViews(ctx: Ctx, rows: readonly Row[]): Promise<HeldCallView[]> {
  const db = reader(ctx)
  const ids = <K extends 'serverId' | 'runId'>(key: K) => [...new Set(rows.flatMap((row) => row[key] ?? []))]
  const servers = await db.mcpServer.findMany({
    where: { id: { in: ids('serverId') } },
    select: { id: true, name: true, environment: true, sensitivity: true, dataClasses: true },
  })
  const described = await db.mcpTool.findMany({
    where: { serverId: { in: ids('serverId') }, name: { in: [...new Set(rows.map(({ tool }) => tool))] } },
    select: { serverId: true, name: true, description: true },
  })
  const runs = await db.run.findMany({ where: { id: { in: ids('runId') } }, select: { id: true, requestedById: true } })
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.decidedById, row.decidedForId]),
  )
  const startedBy = new Map(runs.map((run) => [run.id, run.requestedById]))
  const past = await pastOwnersOf(
    ctx,
    rows.map(({ agent }) => agent.id),
  )
  const driverId = await driverIdsOf(db, rows)
  const writerIds = await writersOfMany(db, rows)
  const absences = ctx.actor.kind === 'person' ? await standsInFor(ctx, ctx.actor.id) : []
  return rows.map((row) =>
    toView(ctx, row, { servers, described, startedBy, people, absences, past, driverId, writerIds }),
  )
}

function toView(
  ctx: Ctx,
  row: Row,
  known: {
    servers: readonly (Omit<NonNullable<HeldCallView['server']>, 'dataClasses'> & { dataClasses: string[] })[]
    described: readonly { serverId: string; name: string; description: string }[]
    startedBy: ReadonlyMap<string, string | null>
    people: ReadonlyMap<string, PersonRef>
    absences: Awaited<ReturnType<typeof standsInFor>>
    past: (agentId: string) => PastOwners
    driverId: (row: HeldDriver) => string | null
    writerIds: Awaited<ReturnType<typeof writersOfMany>>
  },
): HeldCallView {
  const decidedBy = row.decidedById ? (known.people.get(row.decidedById) ?? null) : null
  const source = row.source as HeldCallView['source']
  const call = {
    ...row,
    agent: { ...row.agent, past: known.past(row.agent.id) },
    source,
    decidedByName: decidedBy?.name ?? null,
    starterIds: [row.startedById, known.driverId(row), row.runId ? (known.startedBy.get(row.runId) ?? null) : null],
    writerIds: known.writerIds(row),
  }
  const decidable = heldDecidability(ctx.actor, call, ctx.now)
  const { id, name, purpose, ownerTeam } = row.agent
  const server = known.servers.find((each) => each.id === row.serverId)
  const tool = known.described.find((each) => each.serverId === row.serverId && each.name === row.tool)
  return {
    id: row.id,
    source,
    state: row.state,
    agent: { id, name, purpose, version: row.agentVersion, owner: ownerTeam },
    runId: row.runId,
    session: row.session,
    // As the platform said it, in its words.
    server: server ? { ...server, dataClasses: server.dataClasses as DataClass[] } : null,
    tool: row.tool,
    description: tool?.description || null,
    class: row.class,
    ...heldValues(ctx.actor, row, {
      arguments: row.arguments as Record<string, unknown>,
      inputResponses: row.inputResponses as Record<string, unknown> | null,
      editedArguments: row.editedArguments as Record<string, unknown> | null,
    }),
    rule: { id: row.ruleId, title: row.ruleTitle },
    deciderRoles: row.deciderRoles,
    excludedDeciders: excludedFrom(row.excludedDeciders, row.class),
    onTimeout: row.onTimeout as TimeoutAction,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    attended: row.state === 'waiting' && ctx.now.getTime() - row.seenAt.getTime() < attendedMs,
    decidedBy,
    decidedFor: row.decidedForId ? (known.people.get(row.decidedForId) ?? null) : null,
    standIns: decidable.ok ? standInsOf(ctx, { call, absences: known.absences }) : [],
    decidedAt: row.decidedAt?.toISOString() ?? null,
    note: row.note,
    settledAt: row.settledAt?.toISOString() ?? null,
    decidable: decidable.ok ? { allowed: true } : { allowed: false, refusal: decidable.error },
  }
}

/** In whose place the person reading may approve it. */
function standInsOf(
  { actor, now }: Ctx,
  { call, absences }: { call: DecidableHeldCall; absences: Awaited<ReturnType<typeof standsInFor>> },
): HeldCallView['standIns'] {
  if (actor.kind !== 'person') return []
  return absences
    .filter(({ person }) => decideHeldInPlaceOf(call, { delegate: actor, absent: person, move: 'approve', now }).ok)
    .map(({ person: { id, name }, until }) => ({ person: { id, name, active: true }, until: until.toISOString() }))
}
