import {
  type AuthorizationServerMetadata,
  refreshAuthorization,
  type StoredOAuthClientInformation,
} from '@modelcontextprotocol/client'
import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Locks } from '#lib/db/locks.ts'
import { type UpstreamToken, tokenOf } from './client-credentials.ts'
import { dpopSession } from './dpop.ts'
import { oauthFetchFor } from './http.ts'
import { authProblem, UpstreamAuthProblem } from './problem.ts'
import { notingFetch } from './shown-secrets.ts'

/** What is sealed of an authorization by a person, besides its tokens. */
export type AuthorizedClient = {
  client: StoredOAuthClientInformation
  metadata: AuthorizationServerMetadata
  /** The authorization server, if a person named it. */
  issuer?: string
  /** RFC 8707; absent when the server has no metadata of its own. */
  resource?: string
}
/** What is sealed in the column of tokens. */
export type SealedTokens = UpstreamToken & { refreshToken: string | null }

/** A token that ends sooner than this is refreshed before it is used. */
const marginMs = 30_000
const storeAttempts = 5

export type TokenParts = { secretBox: SecretBox; exclusively: Locks['exclusively'] }

/**
 * The access token of a credential that a person authorized, refreshed if it ends soon or is the one that was refused. One process at a
 * time refreshes a credential; the others take what it stored. The new refresh token is stored before the access token is given to
 * anyone, and sealing is made sure of before the old one is spent. Throws `UpstreamAuthProblem`, or `unavailable` without the key.
 */
export async function personToken(
  ctx: Ctx,
  parts: TokenParts,
  { credentialId, refused }: { credentialId: string; refused: string | null },
): Promise<UpstreamToken> {
  const held = await readTokens(ctx, parts, credentialId)
  if (isUsable(held.tokens, refused)) return withSecrets(held)
  return await parts.exclusively(`upstream-tokens:${credentialId}`, async () => {
    const now = await readTokens(ctx, parts, credentialId)
    if (isUsable(now.tokens, refused)) return withSecrets(now)
    return withSecrets({ ...now, tokens: await refresh(ctx, parts, { credentialId, ...now }) })
  })
}

type Held = { serverUrl: string; setAt: Date; tokens: SealedTokens; client: AuthorizedClient }

/** The refresh token and the client's secret are known to the authorization server from the beginning. */
function withSecrets({ tokens, client: { client } }: Pick<Held, 'tokens' | 'client'>): UpstreamToken {
  const { refreshToken, ...token } = tokens
  const clientSecret = 'client_secret' in client ? client.client_secret : undefined
  const known = [refreshToken, clientSecret].filter((secret) => typeof secret === 'string')
  return { ...token, secrets: [...(token.secrets ?? []), ...known] }
}

async function readTokens(ctx: Ctx, { secretBox }: TokenParts, credentialId: string): Promise<Held> {
  const row = await ctx.db.upstreamCredential.findUnique({
    where: { id: credentialId },
    select: {
      serverId: true,
      server: { select: { url: true } },
      teamId: true,
      ciphertext: true,
      tokens: true,
      updatedAt: true,
    },
  })
  if (!row?.tokens) throw new UpstreamAuthProblem('Nobody has authorized it.', null)
  const context = sealContexts.upstreamCredential(row.serverId, row.teamId)
  return {
    serverUrl: row.server.url,
    setAt: row.updatedAt,
    tokens: JSON.parse(await secretBox.open(row.tokens, sealContexts.upstreamTokens(credentialId))) as SealedTokens,
    client: JSON.parse(await secretBox.open(row.ciphertext, context)) as AuthorizedClient,
  }
}

async function refresh(
  ctx: Ctx,
  { secretBox }: TokenParts,
  { credentialId, serverUrl, setAt, tokens, client }: Held & { credentialId: string },
): Promise<SealedTokens> {
  const { refreshToken } = tokens
  if (refreshToken === null)
    throw new UpstreamAuthProblem('The token has ended and there is no refresh token: authorize it again.', null)
  // The refresh token may be good for one use: nothing must stand in the way of storing the next one.
  const sealer = await secretBox.sealer()
  const { fetchFn, secrets } = notingFetch(oauthFetchFor({ serverUrl, issuer: client.issuer }))
  const refreshed = await refreshAuthorization(client.metadata.issuer, {
    metadata: client.metadata,
    clientInformation: client.client,
    refreshToken,
    fetchFn,
    ...(tokens.dpopKey ? { dpop: await dpopSession(tokens.dpopKey) } : {}),
    ...(client.resource === undefined ? {} : { resource: client.resource }),
  }).catch((error: unknown) => {
    throw authProblem(error)
  })
  const next: SealedTokens = {
    ...tokenOf(refreshed, { askedScope: tokens.scope ?? undefined, key: tokens.dpopKey }),
    refreshToken: refreshed.refresh_token ?? refreshToken,
    secrets: [...secrets],
  }
  const sealed = sealer(JSON.stringify(next), sealContexts.upstreamTokens(credentialId))
  await storeTokens(ctx, { credentialId, setAt, sealed, expiresAt: next.expiresAt })
  return next
}

/** What is sealed of a credential that gets its tokens by itself, and the tokens it has; null: none yet. */
export async function readSealed(
  ctx: Ctx,
  { secretBox }: TokenParts,
  credentialId: string,
): Promise<{ setAt: Date; secret: unknown; tokens: SealedTokens | null }> {
  const row = await ctx.db.upstreamCredential.findUnique({
    where: { id: credentialId },
    select: { serverId: true, teamId: true, ciphertext: true, tokens: true, updatedAt: true },
  })
  if (!row) throw new UpstreamAuthProblem('The credential is gone.', null)
  const context = sealContexts.upstreamCredential(row.serverId, row.teamId)
  const secret: unknown = JSON.parse(await secretBox.open(row.ciphertext, context))
  const kept = row.tokens && (await secretBox.open(row.tokens, sealContexts.upstreamTokens(credentialId)))
  return { setAt: row.updatedAt, secret, tokens: kept ? (JSON.parse(kept) as SealedTokens) : null }
}

/** Tried again for a moment, as what is not stored is lost. Not over a credential that was replaced meanwhile. */
export async function storeTokens(
  ctx: Ctx,
  row: {
    credentialId: string
    setAt: Date
    sealed: Uint8Array<ArrayBuffer>
    expiresAt: number | null
  },
): Promise<void> {
  const { credentialId, setAt, sealed, expiresAt } = row
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { count } = await ctx.db.upstreamCredential.updateMany({
        where: { id: credentialId, updatedAt: setAt },
        data: {
          tokens: sealed,
          tokensExpireAt: expiresAt === null ? null : new Date(expiresAt),
          lastError: null,
          lastErrorAt: null,
          // When it was set, not when its tokens were refreshed.
          updatedAt: setAt,
        },
      })
      if (count === 0) throw new DomainError('not_found', 'The credential was replaced or removed meanwhile.')
      return
    } catch (error) {
      if (attempt === storeAttempts || error instanceof DomainError) throw error
      await new Promise((resolve) => setTimeout(resolve, 100 * attempt))
    }
  }
}

/** Whether it may still be shown, and is not the one that was refused. */
export function isUsable(tokens: SealedTokens, refused: string | null): boolean {
  if (tokens.accessToken === refused) return false
  return tokens.expiresAt === null || tokens.expiresAt - Date.now() > marginMs
}
