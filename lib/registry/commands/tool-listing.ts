import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import type { LeftOutTool } from '../schema/tools.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'

/** A server that is away for a moment is nobody's business: its health tells of that. */
const patienceMs = 5 * 60_000
/** Whoever is asked about a server is told so often at most of what it lists that is no tool, however often that changes. */
const tellEveryMs = 60 * 60_000
const namesMax = 5

/**
 * Keeps that the tools of a server could not be listed, and why, in our own words. Once it has lasted for some minutes the audit log and
 * whoever is asked about its tools are told, once. For our own processes and `servers:manage`; throws `not_found`.
 */
export async function recordToolsUnlisted(ctx: Ctx, input: { serverId: string; problem: string }): Promise<void> {
  authorize(ctx, 'servers:manage')
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const key = { serverId: server.id }
    const before = await tx.toolListing.findUnique({ where: key })
    const problemSince = before?.problemSince ?? ctx.now
    const isDue = !before?.reportedAt && ctx.now.getTime() - problemSince.getTime() >= patienceMs
    const data = { problem: input.problem, problemSince, ...(isDue && { reportedAt: ctx.now }) }
    await tx.toolListing.upsert({ where: key, create: { ...key, ...data }, update: data })
    if (!isDue) return
    const detail = { reason: input.problem, since: problemSince.toISOString(), approverId: server.approverId }
    recordAudit(tx, ctx, { event: 'server.tools_unlisted', ...subjectOf(server), detail })
  })
}

/**
 * Keeps in the open transaction that the tools were listed, and tells of what is left out and was not told of since it last was right: in one
 * event, and once an hour at most.
 */
export async function writeListing(
  tx: Tx,
  ctx: Ctx,
  { server, leftOut, leftOutTotal }: { server: LockedServer; leftOut: LeftOutTool[]; leftOutTotal: number },
): Promise<void> {
  const key = { serverId: server.id }
  const before = await tx.toolListing.findUnique({ where: key })
  const toldKeys = new Set(((before?.leftOutTold ?? []) as LeftOutTool[]).map(keyOf))
  const news = leftOut.filter((one) => !toldKeys.has(keyOf(one)))
  const toldAt = before?.leftOutToldAt?.getTime() ?? -Infinity
  const isDue = news.length > 0 && ctx.now.getTime() - toldAt >= tellEveryMs
  const data = {
    listedAt: ctx.now,
    problem: null,
    problemSince: null,
    reportedAt: null,
    leftOut,
    leftOutTotal,
    leftOutTold: isDue ? leftOut : leftOut.filter((one) => toldKeys.has(keyOf(one))),
    ...(isDue && { leftOutToldAt: ctx.now }),
  }
  await tx.toolListing.upsert({ where: key, create: { ...key, ...data }, update: data })
  if (isDue) {
    const detail = { count: leftOutTotal, first: news.slice(0, namesMax), approverId: server.approverId }
    recordAudit(tx, ctx, { event: 'tool.left_out', ...subjectOf(server), detail })
  }
  if (before?.reportedAt) recordAudit(tx, ctx, { event: 'server.tools_listed', ...subjectOf(server), detail: {} })
}

function keyOf({ name, reason }: LeftOutTool): string {
  return JSON.stringify([name, reason])
}
