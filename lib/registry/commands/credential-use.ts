import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type CredentialSettings, expiryWarningMs, authorizationServer } from '../schema/credentials.ts'
import { subjectOf } from './server-lock.ts'

/** Notes that a credential is in use. Only for our own processes; writes nothing if it was noted within the last minute. */
export async function recordCredentialUse(ctx: Ctx, { credentialId }: { credentialId: string }): Promise<void> {
  onlyPlatform(ctx)
  const minuteAgo = new Date(ctx.now.getTime() - 60_000)
  await ctx.db.$executeRaw`update "UpstreamCredential" set "lastUsedAt" = ${ctx.now}
    where "id" = ${credentialId}::uuid and ("lastUsedAt" is null or "lastUsedAt" < ${minuteAgo})`
}

/** Notes what went wrong with a credential, in the platform's own words, and which scopes were wanted. Only for our own processes. */
export async function recordCredentialTrouble(
  ctx: Ctx,
  trouble: { credentialId: string; message: string; wantedScope?: string | null },
): Promise<void> {
  onlyPlatform(ctx)
  const { credentialId, message, wantedScope = null } = trouble
  await ctx.db.$executeRaw`update "UpstreamCredential" set "lastError" = ${message}, "lastErrorAt" = ${ctx.now},
    "wantedScope" = coalesce(${wantedScope}, "wantedScope") where "id" = ${credentialId}::uuid`
}

/** Notes that a credential works again: what went wrong until `before` is over. Only for our own processes. */
export async function recordCredentialWorks(
  ctx: Ctx,
  { credentialId, before }: { credentialId: string; before: Date },
): Promise<void> {
  onlyPlatform(ctx)
  await ctx.db.$executeRaw`update "UpstreamCredential" set "lastError" = null, "lastErrorAt" = null
    where "id" = ${credentialId}::uuid and "lastErrorAt" <= ${before}`
}

/**
 * For an OAuth client that was set without its authorization server: keeps the one that its server names, unless one is kept already, and answers with the one that is kept. Who asks
 * at the same time gets the same answer. Only for our own processes; throws `not_found` and `invalid`.
 */
export async function keepCredentialIssuer(
  ctx: Ctx,
  { credentialId, issuer }: { credentialId: string; issuer: string },
): Promise<string> {
  onlyPlatform(ctx)
  if (!authorizationServer.safeParse(issuer).success)
    throw new DomainError('invalid', 'What its server names is no issuer.')
  return inTx(ctx, async (tx, ctx) => {
    const kept = JSON.stringify({ issuer, issuerFrom: 'server' })
    const written = await tx.$executeRaw`update "UpstreamCredential" set "settings" = "settings" || ${kept}::jsonb
      where "id" = ${credentialId}::uuid and "kind" = 'oauth_client' and "settings"->>'issuer' is null`
    const row = await tx.upstreamCredential.findFirst({
      where: { id: credentialId, kind: 'oauth_client' },
      select: { settings: true, teamId: true, server: { select: { id: true, name: true } } },
    })
    if (!row) throw new DomainError('not_found', 'The credential was replaced or removed meanwhile.')
    if (written > 0) {
      recordAudit(tx, ctx, {
        event: 'server.credential_issuer_kept',
        ...subjectOf(row.server),
        ...(row.teamId === null ? {} : { teamId: row.teamId }),
        detail: { issuer },
      })
    }
    return (row.settings as CredentialSettings).issuer ?? ''
  })
}

/** Notes when the token ends that was obtained with a credential and is kept nowhere else. Only for our own processes. */
export async function recordCredentialExpiry(
  ctx: Ctx,
  { credentialId, expiresAt }: { credentialId: string; expiresAt: number | null },
): Promise<void> {
  onlyPlatform(ctx)
  const at = expiresAt === null ? null : new Date(expiresAt)
  await ctx.db.$executeRaw`update "UpstreamCredential" set "tokensExpireAt" = ${at} where "id" = ${credentialId}::uuid`
}

/** Tells once of every credential that ends within two weeks. Only for our own processes. */
export async function warnOfExpiry(ctx: Ctx): Promise<number> {
  onlyPlatform(ctx)
  return inTx(ctx, async (tx, ctx) => {
    const ending = await tx.upstreamCredential.findMany({
      where: { expiryWarnedAt: null, expiresAt: { lt: new Date(ctx.now.getTime() + expiryWarningMs) } },
      select: {
        id: true,
        kind: true,
        team: { select: { id: true, name: true } },
        expiresAt: true,
        updatedAt: true,
        server: { select: { id: true, name: true } },
      },
      take: 1000,
    })
    let told = 0
    for (const { id, kind, team, expiresAt, updatedAt, server } of ending) {
      // One that was set anew since, or that somebody else tells of at the same time, is not told of here.
      const { count } = await tx.upstreamCredential.updateMany({
        where: { id, updatedAt, expiryWarnedAt: null },
        data: { expiryWarnedAt: ctx.now, updatedAt },
      })
      if (count === 0) continue
      told += 1
      recordAudit(tx, ctx, {
        event: 'server.credential_expiring',
        ...subjectOf(server),
        ...(team ? { teamId: team.id } : {}),
        detail: { kind, expiresAt: expiresAt!.toISOString(), ...(team ? { teamName: team.name } : {}) },
      })
    }
    return told
  })
}

function onlyPlatform(ctx: Ctx): void {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only the platform says how a credential fares.')
}
