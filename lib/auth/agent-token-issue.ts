import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Tx } from '#lib/db/client.ts'
import type { TokenFacts } from './agent-token-rules.ts'
import type { Ctx } from './ctx.ts'
import { type TokenDriver, unknownDriver } from './rules/access-token.ts'
import { noteSigned, signingKey } from './signing-keys.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'

/** What the authorization server signs with and for, and whom it trusts; each process makes one from its settings. */
export type TokenIssuer = {
  /** The public address of the portal (WHEELHOUSE_URL), without a trailing slash: the `iss` claim. */
  issuer: string
  /** `${WHEELHOUSE_BROKER_URL}/mcp`: the resource tokens are issued for; a narrower one is a server below it. */
  audience: string
  secretBox: SecretBox
  /** Whose assertions are taken besides registered credentials. */
  trusted: TrustedIssuers
  /** Told, when the refusal stands in the audit log, of whom a trusted issuer vouches for and no agent here stands for. Never throws. */
  noteUnknown?: (ctx: Ctx, unknown: UnknownSubject) => Promise<void>
}

export type UnknownSubject =
  | { kind: 'claude_agent'; issuer: string; agent: string }
  | { kind: 'subject'; issuer: string; subject: string; clientId: string }

export type IssuedToken = { token: string; expiresAt: Date; tokenType: 'Bearer' | 'DPoP' }

export const tokenLifeMs = 15 * 60_000

/** What a token says beyond the agent. */
export type TokenClaims = {
  agentId: string
  version: number
  runId?: string | undefined
  clientId: string
  audiences: readonly string[]
  /** Thumbprint of the key it is bound to (RFC 9449). */
  jkt?: string | undefined
  /** Whom its client acts for. */
  drivenBy?: TokenDriver | undefined
  /** The token it comes from and ends with. */
  origin?: string | undefined
  /** Never lives longer than what it was issued for. */
  expiresBefore?: Date | undefined
}

/** Signs an access token in the profile of RFC 9068. Whether the agent may have it was decided before. */
export async function signToken(ctx: Ctx, issuer: TokenIssuer, claims: TokenClaims): Promise<IssuedToken> {
  const { agentId, version, runId, clientId, audiences, jkt, drivenBy, origin, expiresBefore } = claims
  const { kid, privateKey } = await signingKey(ctx, issuer.secretBox)
  const issuedAt = Math.floor(ctx.now.getTime() / 1000)
  const latest = expiresBefore ? Math.floor(expiresBefore.getTime() / 1000) : Number.POSITIVE_INFINITY
  const expiresAt = Math.min(issuedAt + tokenLifeMs / 1000, latest)
  const token = await new SignJWT({
    iss: issuer.issuer,
    aud: audiences.length === 1 ? audiences[0]! : [...audiences],
    sub: agentId,
    client_id: clientId,
    agent_version: version,
    ...(runId ? { run: runId } : {}),
    ...(jkt ? { cnf: { jkt } } : {}),
    ...(drivenBy ? { driven_by: drivenBy.personId ?? unknownDriver } : {}),
    ...(drivenBy?.subject ? { driven_by_subject: drivenBy.subject } : {}),
    ...(origin ? { origin } : {}),
    jti: randomUUID(),
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
    .sign(privateKey)
  await noteSigned(ctx, kid)
  return { token, expiresAt: new Date(expiresAt * 1000), tokenType: jkt ? 'DPoP' : 'Bearer' }
}

/** Reads what `refuseToken` decides on, as it is in this transaction. */
export async function gatherTokenFacts(
  tx: Tx,
  subject: { agentId: string; session?: { version: number; runId: string } | undefined },
): Promise<TokenFacts & { agent: { name: string; currentVersion: number } | null }> {
  const { agentId, session } = subject
  const agent = await tx.agent.findUnique({
    where: { id: agentId },
    select: { id: true, name: true, ownerTeamId: true, status: true, statusReason: true, currentVersion: true },
  })
  const stops = await tx.stopOrder.findMany({
    where: { releasedAt: null },
    select: { scope: true, targetId: true, orderedByName: true, reason: true },
  })
  if (!session) return { agent, stops }
  const run = await tx.run.findUnique({
    where: { id: session.runId },
    select: { agentId: true, agentVersion: true, state: true },
  })
  return { agent, stops, session: { version: session.version, run } }
}
