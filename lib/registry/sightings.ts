import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { claimedMax, comesBack, othersKey, tidySighting } from './rules/unregistered.ts'
import { listedDetails, type Sighting, type UnregisteredState } from './schema/unregistered.ts'

export type InTx = Ctx & { tx: Tx }
export type Found = { added: number; seenAgain: number }

export const rowSelect = { id: true, source: true, key: true, name: true, state: true, decidedAt: true } as const
export type Row = { id: string; source: string; key: string; name: string; state: string; decidedAt: Date | null }

/** So many are noted in one go: who notes takes turns with all others, and nobody is to wait long. */
export const sightingsAtOnce = 300

/** `listedAt`: when the listing of all agents at Claude that it is from was begun. */
export type Seen = Sighting & { acted?: boolean; listedAt?: Date }
type Noted = Pick<Sighting, 'key' | 'name' | 'detail' | 'definition'> & {
  source: string
  count: number
  firstAt: Date
  at: Date
  listedAt?: Date
}
type New = Noted & { verified: boolean }
type Again = Noted & { id: string; back: boolean }

/** As `noteUnregistered`, for commands that have asked whether the actor may; all in the transaction that is open. */
export async function writeSightings(ctx: InTx, sightings: readonly Seen[]): Promise<Found> {
  const found: Found = { added: 0, seenAgain: 0 }
  for (let from = 0; from < sightings.length; from += sightingsAtOnce) {
    const { added, seenAgain } = await writeSome(ctx, sightings.slice(from, from + sightingsAtOnce))
    found.added += added
    found.seenAgain += seenAgain
  }
  return found
}

async function writeSome(ctx: InTx, given: readonly Seen[]): Promise<Found> {
  const sightings = given.map((sighting) => ({ ...tidySighting(sighting), acted: sighting.acted ?? false }))
  // Whoever notes something takes turns: the limit holds, and two who see the same first make one row.
  await ctx.tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('unregistered', 0))::text`
  const registered = await registeredOf(ctx, sightings)
  const known = await knownOf(ctx, sightings)
  let claimed = await ctx.tx.unregisteredAgent.count({ where: { verified: false } })
  const added = new Map<string, New>()
  const again = new Map<string, Again>()
  const others = new Map<string, number>()
  let seenAgain = 0
  for (const sighting of sightings) {
    const { source, key, verified, acted, at = ctx.now } = sighting
    if (source === 'claude' && registered.has(key)) continue
    const id = placeOf(sighting)
    const row = known.get(id)
    const noted = together(again.get(id) ?? added.get(id), { ...sighting, at, count: sighting.count ?? 1 })
    if (row) {
      const was = { state: row.state as UnregisteredState, decidedAt: row.decidedAt }
      const back = comesBack(was, { source, at, acted }) || again.get(id)?.back === true
      again.set(id, { ...noted, id: row.id, back })
      seenAgain += 1
    } else if (added.has(id)) {
      added.set(id, { ...noted, verified: added.get(id)!.verified })
      seenAgain += 1
    } else if (!verified && claimed >= claimedMax) {
      others.set(source, (others.get(source) ?? 0) + (sighting.count ?? 1))
      seenAgain += 1
    } else {
      added.set(id, { ...noted, verified, count: sighting.count || 1 })
      if (!verified) claimed += 1
    }
  }
  await add(ctx, [...added.values()])
  await seeAgain(ctx, { again: [...again.values()], known })
  for (const [source, count] of others) await countOthers(ctx, { source, count })
  return { added: added.size, seenAgain }
}

/** One more sighting of the same: what it does not say is kept, and times only widen. */
function together(before: Noted | undefined, sighting: Seen & { at: Date; count: number }): Noted {
  const { source, key, name, detail, at, count } = sighting
  const definition = sighting.definition ?? before?.definition
  const listedAt = sighting.listedAt ?? before?.listedAt
  return {
    source,
    key,
    name,
    detail: { ...before?.detail, ...detail },
    count: (before?.count ?? 0) + count,
    firstAt: before && before.firstAt < at ? before.firstAt : at,
    at: before && before.at > at ? before.at : at,
    ...(definition ? { definition } : {}),
    ...(listedAt ? { listedAt } : {}),
  }
}

function placeOf({ source, key }: { source: string; key: string }): string {
  return `${source} ${key}`
}

/** An agent at Claude that a registered agent's version runs as is nothing to find. */
async function registeredOf({ tx }: InTx, sightings: readonly Sighting[]): Promise<Set<string>> {
  const ids = sightings.filter(({ source }) => source === 'claude').map(({ key }) => key)
  if (ids.length === 0) return new Set()
  const bound = await tx.claudeBinding.findMany({
    where: { claudeAgentId: { in: ids } },
    select: { claudeAgentId: true },
  })
  return new Set(bound.map(({ claudeAgentId }) => claudeAgentId))
}

async function knownOf({ tx }: InTx, sightings: readonly Sighting[]): Promise<Map<string, Row>> {
  const rows = await tx.unregisteredAgent.findMany({
    where: { key: { in: sightings.map(({ key }) => key) } },
    select: rowSelect,
  })
  return new Map(rows.map((row) => [placeOf(row), row]))
}

async function add(ctx: InTx, added: readonly New[]): Promise<void> {
  if (added.length === 0) return
  const rows = await ctx.tx.unregisteredAgent.createManyAndReturn({
    data: added.map(({ at, firstAt, ...row }) => ({ ...row, firstSeenAt: firstAt, lastSeenAt: at })),
    select: { ...rowSelect, verified: true },
  })
  for (const row of rows) {
    const detail = { source: row.source, key: row.key, verified: row.verified }
    recordAudit(ctx.tx, ctx, { event: 'unregistered.found', subject: subjectOf(row), detail })
  }
}

async function seeAgain(
  ctx: InTx,
  { again, known }: { again: readonly Again[]; known: ReadonlyMap<string, Row> },
): Promise<void> {
  if (again.length === 0) return
  // Each source says its part: a listing is the truth about what it says, of name and version, and takes nothing that others have said. What is
  // back without being listed is not the listing's to close.
  await ctx.tx.$executeRaw`
    update "UnregisteredAgent" u set
      "name" = case when s."name" = u."key" or (u."listedAt" is not null and s."listedAt" is null) then u."name" else s."name" end,
      "detail" = case when s."listedAt" is null then u."detail" else u."detail" - ${[...listedDetails]}::text[] end || s."detail",
      "definition" = coalesce(s."definition", u."definition"),
      "firstSeenAt" = least(u."firstSeenAt", s."firstAt"), "lastSeenAt" = greatest(u."lastSeenAt", s."at"),
      "listedAt" = case when s."listedAt" is null and s."back" and u."state" = 'gone' then null
        else coalesce(s."listedAt", u."listedAt") end,
      "count" = u."count" + s."count",
      "state" = case when s."back" then 'open' else u."state" end,
      "decidedAt" = case when s."back" then null else u."decidedAt" end,
      "decidedByName" = case when s."back" then null else u."decidedByName" end
    from jsonb_to_recordset(${JSON.stringify(again)}::jsonb)
      as s("id" uuid, "name" text, "detail" jsonb, "definition" jsonb, "firstAt" timestamptz, "at" timestamptz,
        "listedAt" timestamptz, "count" int, "back" boolean)
    where u."id" = s."id"`
  for (const one of again) {
    const row = known.get(placeOf(one))
    if (!row || !one.back) continue
    recordAudit(ctx.tx, ctx, { event: 'unregistered.returned', subject: subjectOf(row), detail: { was: row.state } })
  }
}

/** One row for all that callers claim beyond the limit; its own place is not counted. */
async function countOthers(ctx: InTx, { source, count }: { source: string; count: number }): Promise<void> {
  const key = othersKey
  await ctx.tx.unregisteredAgent.upsert({
    where: { source_key: { source, key } },
    create: {
      source,
      key,
      name: 'More than are kept apart',
      verified: false,
      detail: {},
      count,
      firstSeenAt: ctx.now,
      lastSeenAt: ctx.now,
    },
    update: { count: { increment: count }, lastSeenAt: ctx.now },
  })
}

export function subjectOf({ id, name }: Pick<Row, 'id' | 'name'>): { kind: string; id: string; name: string } {
  return { kind: 'unregistered', id, name }
}
