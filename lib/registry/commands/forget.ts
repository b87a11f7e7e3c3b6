import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { pruneFleetChanges } from '../fleet/prune.ts'

/** A probe says what an address was like when somebody looked; a day later somebody looks again. */
const probeKeptMs = 86_400_000
/** Who fetched a package registers it in that time, or fetches it again. */
const packageKeptMs = 7 * 86_400_000
/** A broker renews what it finds open every minute: one that has not for a day is gone. */
const healthKeptMs = 86_400_000
/** What was available all this time is no news. */
const recoveredKeptMs = 30 * 86_400_000
const batchSize = 1000

/** Deletes notes of changes that every index of the catalog has read, a batch at a time; returns how many. Only for our own processes, hourly. */
export async function forgetFleetChanges(ctx: Ctx): Promise<number> {
  onlyPlatform(ctx)
  return await inBatches(() => pruneFleetChanges(ctx.db))
}

/** Deletes probes older than a day, and with them a credential that one of them could not try; returns how many. Only for our own processes, hourly. */
export async function forgetServerProbes(ctx: Ctx): Promise<number> {
  onlyPlatform(ctx)
  const before = new Date(ctx.now.getTime() - probeKeptMs)
  return await inBatches(
    () => ctx.db.$executeRaw`delete from "ServerProbe" where "id" in (
      select "id" from "ServerProbe" where "createdAt" < ${before} limit ${batchSize})`,
  )
}

/** Deletes how brokers that are gone found servers, and what has been over for thirty days; returns how many. Only for our own processes, hourly. */
export async function forgetServerHealth(ctx: Ctx): Promise<number> {
  onlyPlatform(ctx)
  const ago = (ms: number) => new Date(ctx.now.getTime() - ms)
  const { count } = await ctx.db.serverHealth.deleteMany({
    where: {
      OR: [{ retryAt: { lt: ago(healthKeptMs) } }, { state: 'closed', changedAt: { lt: ago(recoveredKeptMs) } }],
    },
  })
  return count
}

/** Deletes what is known of packages that no server is started from and that were asked for over a week ago; returns how many. Only for our own processes, hourly. */
export async function forgetPackages(ctx: Ctx): Promise<number> {
  onlyPlatform(ctx)
  const before = new Date(ctx.now.getTime() - packageKeptMs)
  return await inBatches(
    () => ctx.db.$executeRaw`delete from "FetchedPackage" where "id" in (
      select "id" from "FetchedPackage" where "createdAt" < ${before} and not exists (
        select 1 from "McpServer" where "command"->'package'->>'lock' = "lockDigest") limit ${batchSize} for update skip locked)`,
  )
}

/** Until a batch finds nothing: each is a transaction of its own, so nobody waits long for any. */
async function inBatches(batch: () => Promise<number>): Promise<number> {
  let total = 0
  for (let count = await batch(); count > 0; count = await batch()) total += count
  return total
}

function onlyPlatform(ctx: Ctx): void {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
}
