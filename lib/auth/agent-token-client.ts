import type { JWK } from 'jose'
import { err, ok, type Result } from '#lib/core/result.ts'
import { equalInConstantTime, hashToken } from '#lib/core/secret-box.ts'
import { storableText } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import { claimedClientId, verifyAssertion } from './agent-token-assertion.ts'
import type { TokenIssuer } from './agent-token-issue.ts'
import type { ClientProof, TokenEndpointError } from './agent-token-request.ts'
import type { Ctx } from './ctx.ts'

/** A credential of an agent, as the one who authenticated with it. */
export type Client = { id: string; agentId: string; clientId: string }

type Credential = Client & { secretHash: string | null; publicJwk: JWK | null }
type InTx = Ctx & { tx: Tx }

/** Where clients authenticate; assertions may name any of them, or the issuer, as their audience. */
export const tokenEndpointPath = '/api/oauth/token'
export const revocationEndpointPath = '/api/oauth/revoke'

/** Whose credential is being tried, before anything is verified; null when it is not said. */
export function claimedBy(proof: ClientProof): string | null {
  const claimed = proof.kind === 'secret' ? proof.clientId : claimedClientId(proof.assertion)
  return claimed === null ? null : storableText(claimed)
}

/** The credential a request names, if it exists and was not revoked. */
export async function findCredential(ctx: InTx, clientId: string | null): Promise<Credential | null> {
  if (!clientId) return null
  const row = await ctx.tx.agentCredential.findFirst({
    where: { clientId, revokedAt: null },
    select: { id: true, agentId: true, clientId: true, secretHash: true, publicJwk: true },
  })
  return row && { ...row, publicJwk: row.publicJwk as JWK | null }
}

/** Proves that the request comes from who holds the secret or the private key; an assertion counts once. */
export async function authenticateClient(
  ctx: InTx,
  options: { credential: Credential | null; proof: ClientProof; issuer: TokenIssuer },
): Promise<Result<Client, TokenEndpointError>> {
  const { credential, proof, issuer } = options
  if (!credential) return refused('client_unknown', 'The client id is unknown or its credential was revoked.')
  const { publicJwk, secretHash, ...client } = credential
  if (proof.kind === 'secret') {
    const right = equalInConstantTime(hashToken(proof.secret), secretHash ?? '')
    return right ? ok(client) : refused('client_authentication_failed', 'The client secret is not right.')
  }
  if (!publicJwk || (proof.clientId !== null && proof.clientId !== client.clientId)) {
    return refused('client_authentication_failed', 'The client has no registered key, or client_id names another one.')
  }
  const verified = await verifyAssertion({
    assertion: proof.assertion,
    clientId: client.clientId,
    publicJwk,
    audiences: [issuer.issuer, issuer.issuer + tokenEndpointPath, issuer.issuer + revocationEndpointPath],
    now: ctx.now,
  })
  if (!verified.ok) return refused(verified.error.rule, verified.error.message)
  const { jti, expiresAt } = verified.value
  return (await claimOnce(ctx, { by: client.clientId, jti, until: expiresAt }))
    ? ok(client)
    : refused('assertion_replayed', 'A client assertion with this jti was used before.')
}

/**
 * True for the first who presents what was signed under this name, also among two at once and at several portals: the second waits for
 * the first's row and finds it there.
 */
export async function claimOnce(ctx: InTx, used: { by: string; jti: string; until: Date }): Promise<boolean> {
  // A minute beyond its end, because verification tolerates that clocks differ.
  const expiresAt = new Date(used.until.getTime() + 60_000)
  await ctx.tx.$executeRaw`delete from "UsedAssertion" where ("clientId", "jti") in
    (select "clientId", "jti" from "UsedAssertion" where "expiresAt" < ${ctx.now} limit 100 for update skip locked)`
  const { count } = await ctx.tx.usedAssertion.createMany({
    data: [{ clientId: storableText(used.by), jti: storableText(used.jti), expiresAt }],
    skipDuplicates: true,
  })
  return count === 1
}

function refused(rule: string, message: string): Result<never, TokenEndpointError> {
  return err({ error: 'invalid_client', rule, message })
}
