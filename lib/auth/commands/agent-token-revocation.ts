import { recordAudit } from '#lib/audit/commands.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { authenticateClient, claimedBy, findCredential } from '../agent-token-client.ts'
import { errorResponse, formRequest, limitTries } from '../agent-token-http.ts'
import type { TokenIssuer } from '../agent-token-issue.ts'
import { type FormRequest, parseForm, parseProof, type TokenEndpointError } from '../agent-token-request.ts'
import { ownKeys } from '../agent-token-subject.ts'
import { type Ctx, inTx } from '../ctx.ts'
import { verifyAccessToken } from '../rules/access-token.ts'

/**
 * Ends an access token, and every token that was exchanged for it, before its time (RFC 7009); brokers refuse them within a second. The
 * client must be the one it was issued to. A token that is not ours or has expired is no error: there is nothing to end.
 */
export async function revokeAgentToken(
  ctx: Ctx,
  input: FormRequest & { issuer: TokenIssuer },
): Promise<Result<{ revoked: boolean }, TokenEndpointError>> {
  const { issuer } = input
  const form = parseForm(input)
  if (!form.ok) return form
  const proof = parseProof(input.authorization, form.value)
  if (!proof.ok) return proof
  const token = form.value.get('token')
  if (!token) return err({ error: 'invalid_request', message: 'The parameter token is missing.' })
  const keys = await ownKeys(ctx)
  const { issuer: iss } = issuer
  const verified = await verifyAccessToken({ token, issuer: iss, keyFor: (kid) => keys.get(kid), now: ctx.now })
  return inTx(ctx, async (tx, ctx) => {
    const clientId = claimedBy(proof.value)
    const credential = await findCredential(ctx, clientId)
    const client = await authenticateClient(ctx, { credential, proof: proof.value, issuer })
    if (!client.ok) {
      const id = credential?.agentId ?? (clientId?.slice(0, 100) || 'unknown')
      recordAudit(tx, ctx, {
        event: 'agent.token_refused',
        subject: { kind: credential ? 'agent' : 'client', id, name: id },
        detail: { clientId: clientId?.slice(0, 100) ?? '', reason: client.error.message },
        decision: 'deny',
        ...(credential ? { agentId: credential.agentId } : {}),
        ...(client.error.rule ? { rule: client.error.rule } : {}),
      })
      return client
    }
    if (!verified.ok) return ok({ revoked: false })
    const { agentId, jti, expires } = verified.value
    if (verified.value.clientId !== client.value.clientId) {
      return err({ error: 'unauthorized_client', message: 'The token was issued to another client.' })
    }
    const { count } = await tx.revokedToken.createMany({
      data: [{ jti, clientId: client.value.clientId, revokedAt: ctx.now, expiresAt: new Date(expires * 1000) }],
      skipDuplicates: true,
    })
    await tx.$executeRaw`delete from "RevokedToken" where "jti" in
      (select "jti" from "RevokedToken" where "expiresAt" < ${new Date(ctx.now.getTime() - 3_600_000)} limit 100 for update skip locked)`
    if (count === 1) {
      recordAudit(tx, ctx, {
        event: 'agent.token_revoked',
        subject: { kind: 'agent', id: agentId, name: agentId },
        detail: { clientId: client.value.clientId },
        agentId,
      })
    }
    return ok({ revoked: true })
  })
}

/** The revocation endpoint as HTTP says it (RFC 7009 §2.2): an empty 200 also when there was nothing to end. */
export async function answerRevocationRequest(
  ctx: Ctx,
  input: { issuer: TokenIssuer; headers: Headers; body: string },
): Promise<Response> {
  const request = formRequest(input)
  const form = parseForm(request)
  const proof = form.ok ? parseProof(request.authorization, form.value) : form
  const limited = await limitTries(ctx, {
    headers: input.headers,
    clientId: (proof.ok && claimedBy(proof.value)) || 'unknown',
  })
  if (limited) return limited
  const revoked = await revokeAgentToken(ctx, { issuer: input.issuer, ...request })
  if (!revoked.ok) return errorResponse(revoked.error, request)
  return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } })
}
