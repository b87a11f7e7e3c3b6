import { recordAudit } from '#lib/audit/commands.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { randomSecret } from '#lib/core/secret-box.ts'
import type { AppClient } from '../app-lookup.ts'
import type { Tx } from '#lib/db/client.ts'
import { type Ctx, inTx } from '../ctx.ts'
import { type AppRefusal, readClientMetadata } from '../rules/app-client.ts'

export type { AppServer } from '../app-lookup.ts'
export { type ClientDocuments, createClientDocuments } from '../client-documents.ts'

/** Registered, and nobody has connected them: more than that is no people's doing. */
const unconnectedMax = 1000

/**
 * Registers an app that has no document of its own (RFC 7591). Public: whoever asks gets a name for an app, which reaches nothing until a person
 * allows it. When too many wait to be used, the site (`from`) that has most of them loses the one that has waited longest: whoever registers
 * very many pushes out their own, and nobody else's.
 */
export async function registerAppClient(
  ctx: Ctx,
  { document, from }: { document: unknown; from: string },
): Promise<Result<AppClient, AppRefusal>> {
  const read = readClientMetadata(document)
  if (!read.ok) return read
  return await inTx(ctx, async (tx, ctx) => {
    // One after the other: the limit holds also for those that come at once.
    await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('app-clients', 0))::text`
    const client = { id: `app-${randomSecret(16)}`, kind: 'registered' as const, ...read.value }
    await tx.appClient.create({ data: { ...client, registeredFrom: from, createdAt: ctx.now } })
    await forgetUnconnected(tx, client.id)
    recordAudit(tx, ctx, {
      event: 'app.registered',
      subject: { kind: 'app', id: client.id, name: client.name },
      detail: { redirectUris: client.redirectUris },
    })
    return ok(client)
  })
}

/** Leaves as many as may wait. Of one site the oldest goes first; of sites that have equally many the one whose oldest has waited longest. */
async function forgetUnconnected(tx: Tx, newest: string): Promise<void> {
  await tx.$executeRaw`
    with unconnected as (
      select c."id", c."createdAt", c."registeredFrom" from "AppClient" c
      where c."kind" = 'registered' and not exists (select 1 from "AppConnection" n where n."clientId" = c."id")
    ), ranked as (
      select "id", "createdAt",
        row_number() over (partition by "registeredFrom" order by "createdAt" desc, "id" desc) as "place"
      from unconnected where "id" <> ${newest}
    )
    delete from "AppClient" where "id" in (
      select "id" from ranked order by "place" desc, "createdAt", "id"
      limit greatest(0, (select count(*) from unconnected) - ${unconnectedMax})
    )`
}
