import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Tx } from '#lib/db/client.ts'
import type { TokenFacts } from './agent-token-rules.ts'
import type { Ctx } from './ctx.ts'
import { signingKey } from './signing-keys.ts'

/** What the authorization server signs with and for; each process makes one from its settings. */
export type TokenIssuer = {
  /** The public address of the portal (WHEELHOUSE_URL), without a trailing slash: the `iss` claim. */
  issuer: string
  /** `${WHEELHOUSE_BROKER_URL}/mcp`: the `aud` claim, and the only resource tokens are issued for. */
  audience: string
  secretBox: SecretBox
}

export type IssuedToken = { token: string; expiresAt: Date }

export const tokenLifeMs = 15 * 60_000

/** Signs an access token in the profile of RFC 9068. Whether the agent may have it was decided before. */
export async function signToken(
  ctx: Ctx,
  options: { issuer: TokenIssuer; agentId: string; version: number; runId?: string; clientId: string },
): Promise<IssuedToken> {
  const { issuer, agentId, version, runId, clientId } = options
  const { kid, privateKey } = await signingKey(ctx, issuer.secretBox)
  const issuedAt = Math.floor(ctx.now.getTime() / 1000)
  const expiresAt = issuedAt + tokenLifeMs / 1000
  const token = await new SignJWT({
    iss: issuer.issuer,
    aud: issuer.audience,
    sub: agentId,
    client_id: clientId,
    agent_version: version,
    ...(runId ? { run: runId } : {}),
    jti: randomUUID(),
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
    .sign(privateKey)
  return { token, expiresAt: new Date(expiresAt * 1000) }
}

/** Reads what `refuseToken` decides on, as it is in this transaction. */
export async function gatherTokenFacts(
  tx: Tx,
  subject: { agentId: string; session?: { version: number; runId: string } },
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
