import { randomUUID } from 'node:crypto'
import { recordAudit } from '#lib/audit/commands.ts'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import type { RequestPackageInput } from '../schema/packages.ts'

const perHour = 60
/** One that has not ended since has lost its worker. */
const underWayMs = 3_600_000

/**
 * Asks the worker to fetch an npm package by exactly one version; who asks for one that is being fetched gets that fetch.
 * Needs `servers:manage`; throws `rate_limited`.
 */
export async function requestPackage(ctx: Ctx, input: RequestPackageInput): Promise<{ packageId: string }> {
  authorize(ctx, 'servers:manage')
  await takeFromRateLimit(ctx.db, { key: `server-package:${ctx.actor.id}`, limit: perHour, windowMs: 3_600_000 })
  return await inTx(ctx, async (tx, ctx) => {
    const { name, version } = input
    await tx.$queryRaw`select 1 from pg_advisory_xact_lock(hashtextextended(${`package:${name}@${version}`}, 0))`
    const createdAt = { gt: new Date(ctx.now.getTime() - underWayMs) }
    const under = await tx.fetchedPackage.findFirst({
      where: { name, version, finishedAt: null, createdAt },
      select: { id: true },
    })
    if (under) return { packageId: under.id }
    const id = randomUUID()
    await tx.fetchedPackage.create({ data: { id, ...input, requestedById: ctx.actor.id, createdAt: ctx.now } })
    await enqueue(tx, jobs.fetchPackage, { payload: { packageId: id } })
    recordAudit(tx, ctx, { event: 'package.requested', subject: packageSubject({ id, ...input }), detail: input })
    return { packageId: id }
  })
}

/** The package of an event. */
export function packageSubject({ id, name, version }: { id: string; name: string; version: string }) {
  return { kind: 'package' as const, id, name: `${name}@${version}` }
}
