import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { claimedMax, comesBack, othersKey, tidySighting } from './rules/unregistered.ts'
import type { Sighting, UnregisteredState } from './schema/unregistered.ts'

export type InTx = Ctx & { tx: Tx }
export type Found = { added: number; seenAgain: number }

export const rowSelect = { id: true, source: true, key: true, name: true, state: true, decidedAt: true } as const
export type Row = { id: string; source: string; key: string; name: string; state: string; decidedAt: Date | null }

/** As `noteUnregistered`, for commands that have asked whether the actor may. */
export async function writeSightings(
  ctx: InTx,
  sightings: readonly (Sighting & { acted?: boolean })[],
): Promise<Found> {
  const found: Found = { added: 0, seenAgain: 0 }
  if (sightings.length === 0) return found
  // Whoever notes something takes turns: the limit holds, and two who see the same first make one row.
  await ctx.tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('unregistered', 0))::text`
  let claimed = await ctx.tx.unregisteredAgent.count({ where: { verified: false } })
  for (const given of sightings) {
    const sighting = tidySighting(given)
    if (await isRegistered(ctx, sighting)) continue
    const known = await knownOf(ctx, sighting)
    if (known) {
      await seeAgain(ctx, { known, sighting, acted: given.acted ?? false })
      found.seenAgain += 1
      continue
    }
    if (!sighting.verified && claimed >= claimedMax) {
      await countOther(ctx, sighting)
      found.seenAgain += 1
      continue
    }
    await add(ctx, sighting)
    if (!sighting.verified) claimed += 1
    found.added += 1
  }
  return found
}

/** An agent at Claude that a registered agent's version runs as is nothing to find. */
async function isRegistered({ tx }: InTx, { source, key }: Sighting): Promise<boolean> {
  return source === 'claude' && (await tx.claudeBinding.count({ where: { claudeAgentId: key } })) > 0
}

function knownOf({ tx }: InTx, { source, key }: Sighting): Promise<Row | null> {
  return tx.unregisteredAgent.findUnique({ where: { source_key: { source, key } }, select: rowSelect })
}

async function add(ctx: InTx, sighting: Sighting): Promise<void> {
  const { source, key, name, verified, detail, at = ctx.now } = sighting
  const count = sighting.count || 1
  const row = await ctx.tx.unregisteredAgent.create({
    data: { source, key, name, verified, detail, count, firstSeenAt: at, lastSeenAt: at },
    select: rowSelect,
  })
  recordAudit(ctx.tx, ctx, { event: 'unregistered.found', subject: subjectOf(row), detail: { source, key, verified } })
}

async function seeAgain(
  ctx: InTx,
  { known, sighting, acted }: { known: Row; sighting: Sighting; acted: boolean },
): Promise<void> {
  const { name, detail, count = 1, at = ctx.now } = sighting
  const was = { state: known.state as UnregisteredState, decidedAt: known.decidedAt }
  const back = comesBack(was, { source: sighting.source, at, acted })
  await ctx.tx.unregisteredAgent.update({
    where: { id: known.id },
    data: {
      name,
      detail,
      lastSeenAt: at,
      count: { increment: count },
      ...(back ? { state: 'open', decidedAt: null, decidedByName: null } : {}),
    },
  })
  if (!back) return
  recordAudit(ctx.tx, ctx, { event: 'unregistered.returned', subject: subjectOf(known), detail: { was: known.state } })
}

/** One row for all that callers claim beyond the limit; its own place is not counted. */
async function countOther(ctx: InTx, { source, count = 1 }: Sighting): Promise<void> {
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
