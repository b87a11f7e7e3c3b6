import { recordAudit } from '#lib/audit/commands.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { randomSecret } from '#lib/core/secret-box.ts'
import type { AppClient } from '../app-lookup.ts'
import { type Ctx, inTx } from '../ctx.ts'
import { type AppRefusal, readClientMetadata } from '../rules/app-client.ts'

export type { AppServer } from '../app-lookup.ts'
export { type ClientDocuments, createClientDocuments } from '../client-documents.ts'

/** Registered, and nobody has connected them: more than that is no people's doing. */
const unconnectedMax = 1000
/** Registered in an hour by everybody together. Fewer than may wait, so nobody's new app is the oldest one that is forgotten. */
const perHourMax = 200

/**
 * Registers an app that has no document of its own (RFC 7591). Public: whoever asks gets a name for an app, which reaches nothing until a person
 * allows it. When too many wait to be used, the one that has waited longest is forgotten. Throws `unavailable` when too many have registered
 * within an hour.
 */
export async function registerAppClient(ctx: Ctx, document: unknown): Promise<Result<AppClient, AppRefusal>> {
  const read = readClientMetadata(document)
  if (!read.ok) return read
  return await inTx(ctx, async (tx, ctx) => {
    // One after the other: the limit holds also for those that come at once.
    await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('app-clients', 0))::text`
    const lately = { kind: 'registered', createdAt: { gt: new Date(ctx.now.getTime() - 60 * 60_000) } }
    if ((await tx.appClient.count({ where: lately })) >= perHourMax) {
      throw new DomainError('unavailable', 'Too many apps have registered within an hour. Try again in an hour.', {
        rule: 'app:registrations_full',
      })
    }
    const unconnected = { kind: 'registered', connections: { none: {} } }
    const tooMany = (await tx.appClient.count({ where: unconnected })) + 1 - unconnectedMax
    if (tooMany > 0) {
      const orderBy = [{ createdAt: 'asc' as const }, { id: 'asc' as const }]
      const oldest = await tx.appClient.findMany({ where: unconnected, orderBy, take: tooMany, select: { id: true } })
      await tx.appClient.deleteMany({ where: { ...unconnected, id: { in: oldest.map(({ id }) => id) } } })
    }
    const client = { id: `app-${randomSecret(16)}`, kind: 'registered' as const, ...read.value }
    await tx.appClient.create({ data: { ...client, createdAt: ctx.now } })
    recordAudit(tx, ctx, {
      event: 'app.registered',
      subject: { kind: 'app', id: client.id, name: client.name },
      detail: { redirectUris: client.redirectUris },
    })
    return ok(client)
  })
}
