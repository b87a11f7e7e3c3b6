import { authorize, type Ctx, inTx, reader } from '#lib/auth/ctx.ts'
import { unhurried } from '#lib/core/gently.ts'
import type { Tx } from '#lib/db/client.ts'
import { leftOutMax } from '../rules/listed-tools.ts'
import type { ToolNames } from '../rules/other-tools.ts'
import { type Listed, batchesOf, dayMs, digesting, isKept, planOf } from '../rules/tool-round.ts'
import type { RecordServerToolsInput } from '../schema.ts'
import { lockServer } from './server-lock.ts'
import { judging, knownTools, toolNames } from '../tool-judging.ts'
import { writeListing } from './tool-listing.ts'
import { readTools, type ToolRow, writeListings, writeSeen } from './tool-rows.ts'
import { recordJudgement, recordRemovals, suspendUnrecorded } from './tool-round.ts'

type Round = Pick<RecordServerToolsInput, 'serverId' | 'newToolState' | 'seenBy'> & { names: Promise<ToolNames> }

/**
 * Compares what a server lists with what is known and was approved, and keeps every definition it sees. A new tool starts in
 * `newToolState`. One that changed stays approved if only its wording changed or it takes less; otherwise it is suspended and its approver is
 * asked. Agents go on seeing what was approved. One that is gone keeps its history, and its approval for exactly that definition.
 *
 * What agents may call now is looked at first, and what cannot be kept of that is suspended; of what is new so much is taken on at once, the rest is
 * left out by name. Everything is judged before the server's row is locked, and written in short transactions, unless the caller has one open:
 * whoever decides about the server waits for none of the judging. For our own processes and `servers:manage`; throws `not_found`.
 */
export async function recordServerTools(
  ctx: Ctx,
  input: RecordServerToolsInput,
): Promise<{ added: string[]; changed: string[]; removed: string[] }> {
  authorize(ctx, 'servers:manage')
  const { serverId, seenBy } = input
  const { listed, leftOut } = await unhurried(digesting(input.tools))
  const known = await knownTools(ctx, { serverId, names: [...listed.keys()] })
  const hasNew = [...listed.keys()].some((name) => !known.has(name))
  const plan = planOf({ listed, known, newToday: hasNew ? await newToday(ctx, serverId) : 0 })
  if (input.isWhole === false) plan.gone = []
  const round = { ...input, names: toolNames(ctx, plan) }
  // Whoever waits for them hears why they are not there.
  round.names.catch(() => {})
  const problems: unknown[] = []
  const attempt = async (work: () => Promise<void>, otherwise?: () => Promise<void>): Promise<void> => {
    await work().catch(async (error: unknown) => {
      problems.push(error)
      await otherwise?.().catch((another: unknown) => problems.push(another))
    })
  }
  for (const batch of batchesOf(plan.shown)) {
    const names = batch.map(({ tool }) => tool.name)
    await attempt(
      () => recordBatch(ctx, round, batch),
      () => inTx(ctx, (tx, ctx) => suspendUnrecorded(tx, ctx, { serverId, seenBy, names })),
    )
  }
  if (plan.gone.length > 0)
    await attempt(() => inTx(ctx, (tx, ctx) => recordRemovals(tx, ctx, { serverId, seenBy, names: plan.gone })))
  for (const batch of batchesOf(plan.others)) await attempt(() => recordBatch(ctx, round, batch))
  if (problems.length > 0) throw problems[0]
  const left = [...(input.leftOut ?? []), ...leftOut, ...plan.leftOut]
  const leftOutTotal = (input.leftOutTotal ?? input.leftOut?.length ?? 0) + leftOut.length + plan.leftOut.length
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, serverId)
    await writeSeen(tx, { serverId, at: ctx.now, names: plan.seen })
    await writeListing(tx, ctx, { server, leftOut: left.slice(0, leftOutMax), leftOutTotal })
  })
  const names = [...plan.shown, ...plan.others].map(({ tool }) => tool.name)
  return {
    added: names.filter((name) => !known.has(name)),
    changed: names.filter((name) => known.has(name)),
    removed: plan.gone,
  }
}

async function newToday(ctx: Ctx, serverId: string): Promise<number> {
  const since = new Date(ctx.now.getTime() - dayMs)
  return await reader(ctx).mcpTool.count({ where: { serverId, firstSeenAt: { gt: since } } })
}

/** Judges tools, then keeps what became of them; one that somebody decided about meanwhile is judged again. */
async function recordBatch(ctx: Ctx, round: Round, batch: readonly Listed[]): Promise<void> {
  const { serverId, seenBy } = round
  const names = batch.map(({ tool }) => tool.name)
  const rows = await readTools(reader(ctx), { serverId, names })
  const judged = await unhurried(judging(batch, rows, { ...round, names: await round.names }))
  const stale = await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, serverId)
    const now = await basesOf(tx, { serverId, names })
    // Another broker may have kept the same.
    const open = judged.filter(({ tool, hash }) => !isKept(now.get(tool.name), hash))
    const listings = open.filter(({ tool: { name } }) => baseOf(now.get(name)) === baseOf(rows.get(name)))
    await writeListings(tx, { serverId, seenBy, at: ctx.now, listings })
    for (const listing of listings) recordJudgement(tx, ctx, { server, listing })
    const written = new Set(listings.map(({ tool }) => tool.name))
    return new Set(open.map(({ tool }) => tool.name).filter((name) => !written.has(name)))
  })
  const again = batch.filter(({ tool }) => stale.has(tool.name))
  if (again.length > 0) await recordBatch(ctx, round, again)
}

type Base = Pick<ToolRow, 'state' | 'definitionHash' | 'approvedHash' | 'rejectedHash' | 'class' | 'classSource'>

async function basesOf(tx: Tx, { serverId, names }: { serverId: string; names: string[] }): Promise<Map<string, Base>> {
  const rows = await tx.mcpTool.findMany({
    where: { serverId, name: { in: names } },
    select: {
      name: true,
      state: true,
      definitionHash: true,
      approvedHash: true,
      rejectedHash: true,
      class: true,
      classSource: true,
    },
  })
  return new Map(rows.map((row) => [row.name, row]))
}

/** What a tool was judged by. */
function baseOf(row: Base | undefined): string {
  if (!row) return ''
  const { state, definitionHash, approvedHash, rejectedHash, class: toolClass, classSource } = row
  return JSON.stringify([state, definitionHash, approvedHash, rejectedHash, toolClass, classSource])
}
