import { recordAudit } from '#lib/audit/commands.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { cutText } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import { audiencesFor } from '../agent-token-audience.ts'
import { claimedBy, findCredential, tokenEndpointPath, claimOnce } from '../agent-token-client.ts'
import { gatherTokenFacts, type IssuedToken, signToken, type TokenIssuer } from '../agent-token-issue.ts'
import {
  type FormRequest,
  parseTokenRequest,
  type TokenEndpointError,
  type TokenGrant,
  type TokenRequest,
} from '../agent-token-request.ts'
import { refuseToken } from '../agent-token-rules.ts'
import { type Presented, readPresented, subjectOf, type TokenSubject } from '../agent-token-subject.ts'
import { type Ctx, inTx } from '../ctx.ts'
import { takesIdentityAssertions } from '../trusted-issuers.ts'
import { type DpopFault, type DpopProof, verifyDpopProof } from '../rules/dpop.ts'

type InTx = Ctx & { tx: Tx }
type Proof = Result<DpopProof | null, DpopFault>

/**
 * Issues an access token for the broker: client_credentials (RFC 6749 §4.4) with a secret or private_key_jwt (RFC 7523), an identity
 * assertion of a trusted provider (ID-JAG), or an exchange (RFC 8693) of our own token for a narrower one or of a self-hosted Claude
 * server's session token. `resource` narrows it (RFC 8707), a DPoP proof binds it to a key (RFC 9449). Only for an agent that is
 * registered, active and not stopped. Every refusal is audited with its rule. Public: it authenticates by itself.
 */
export async function issueAgentToken(
  ctx: Ctx,
  input: FormRequest & { issuer: TokenIssuer; dpop?: string | null },
): Promise<Result<IssuedToken, TokenEndpointError>> {
  const { issuer } = input
  const request = parseTokenRequest(input)
  if (!request.ok) return request
  const { grant } = request.value
  if (grant.kind === 'identity_assertion' && !takesIdentityAssertions(issuer.trusted)) {
    const message = 'No identity provider is trusted here, so no assertion of one is taken.'
    return err({ error: 'unsupported_grant_type', rule: 'issuer_not_trusted', message })
  }
  const proof = await readProof(ctx, { issuer, dpop: input.dpop ?? null })
  const presented = await readPresented(ctx, { issuer, grant })
  const outcome = await inTx(ctx, async (_, ctx) => {
    const subject = await subjectOf(ctx, { issuer, grant, presented })
    const issued = subject.ok
      ? await issueTo(ctx, { issuer, request: request.value, subject: subject.value, proof })
      : subject
    if (!issued.ok) {
      await recordRefusal(ctx, { grant, subject: subject.ok ? subject.value : null, error: issued.error })
    }
    return issued
  })
  // Not before the refusal stands: whatever becomes of the note, the refusal is on record.
  if (!outcome.ok && presented.ok) {
    await noteUnknown(ctx, { issuer, presented: presented.value, rule: outcome.error.rule })
  }
  return outcome
}

async function issueTo(
  ctx: InTx,
  given: { issuer: TokenIssuer; request: TokenRequest; subject: TokenSubject; proof: Proof },
): Promise<Result<IssuedToken, TokenEndpointError>> {
  const { issuer, request, subject } = given
  const { agentId, clientId, session, onBehalfOf } = subject
  const proof = await takeProof(ctx, given.proof, subject)
  if (!proof.ok) return proof
  const audiences = await audiencesFor(ctx.tx, {
    broker: issuer.audience,
    requested: request.resources,
    allowed: subject.audiences,
  })
  if (!audiences.ok) return audiences
  const facts = await gatherTokenFacts(ctx.tx, { agentId, session })
  const refusal = refuseToken(facts, agentId, subject.version)
  // Of a token that was presented RFC 8693 §2.2.2 says what is wrong, of a client RFC 6749 §5.2.
  const error = request.grant.kind === 'exchange' ? 'invalid_request' : 'unauthorized_client'
  if (refusal || !facts.agent) {
    return err({ error, ...(refusal ?? { rule: 'agent_unknown', message: `No agent ${agentId} is registered.` }) })
  }
  const issued = await signToken(ctx, issuer, {
    agentId,
    version: session?.version ?? facts.agent.currentVersion,
    runId: session?.runId,
    clientId,
    audiences: audiences.value,
    jkt: proof.value?.jkt,
    drivenBy: subject.drivenBy,
    origin: subject.origin,
    expiresBefore: subject.expiresBefore,
  })
  if (subject.credentialId) {
    await ctx.tx.agentCredential.update({ where: { id: subject.credentialId }, data: { lastUsedAt: ctx.now } })
  }
  recordAudit(ctx.tx, ctx, {
    event: 'agent.token_issued',
    subject: { kind: 'agent', id: agentId, name: facts.agent.name },
    detail: {
      clientId,
      audience: audiences.value.join(' '),
      expiresAt: issued.expiresAt.toISOString(),
      grant: request.grant.kind,
      ...(onBehalfOf ? { onBehalfOf: cutText(`${onBehalfOf.subject} at ${onBehalfOf.issuer}`, 300) } : {}),
    },
    agentId,
    ...(session ? { runId: session.runId } : {}),
  })
  return ok(issued)
}

/** Somebody whom a trusted issuer vouches for and who is no agent here is worth knowing; what is only claimed is not told from here. */
async function noteUnknown(
  ctx: Ctx,
  { issuer, presented, rule }: { issuer: TokenIssuer; presented: Presented; rule: string | undefined },
): Promise<void> {
  if (presented.kind === 'claude_session' && rule === 'session_unknown') {
    const { issuer: from, agent } = presented.session
    await issuer.noteUnknown?.(ctx, { kind: 'claude_agent', issuer: from, agent })
  }
  if (presented.kind === 'identity_assertion' && rule === 'subject_not_mapped') {
    const { issuer: from, subject, clientId } = presented.assertion
    await issuer.noteUnknown?.(ctx, { kind: 'subject', issuer: from, subject, clientId })
  }
}

async function readProof(ctx: Ctx, { issuer, dpop }: { issuer: TokenIssuer; dpop: string | null }): Promise<Proof> {
  if (dpop === null) return ok(null)
  return verifyDpopProof({ proof: dpop, method: 'POST', url: issuer.issuer + tokenEndpointPath, now: ctx.now })
}

/** The proof is right, new, and of the key that what was presented is bound to, if it is to one. */
async function takeProof(
  ctx: InTx,
  proof: Proof,
  { jkt }: TokenSubject,
): Promise<Result<DpopProof | null, TokenEndpointError>> {
  const refused = (message: string, rule = 'dpop_proof_invalid') =>
    err({ error: 'invalid_dpop_proof' as const, rule, message })
  if (!proof.ok) return refused(proof.error.message)
  if (jkt && proof.value?.jkt !== jkt) return refused('What was presented is bound to a key: prove that you hold it.')
  if (proof.value === null) return ok(null)
  const { jkt: by, jti, until } = proof.value
  if (await claimOnce(ctx, { by: `dpop:${by}`, jti, until })) return ok(proof.value)
  return refused('The DPoP proof is refused. It was used before.', 'dpop_proof_replayed')
}

async function recordRefusal(
  ctx: InTx,
  about: { grant: TokenGrant; subject: TokenSubject | null; error: TokenEndpointError },
): Promise<void> {
  const { grant, subject, error } = about
  const claimed = grant.proof ? claimedBy(grant.proof) : null
  const clientId = cutText(subject?.clientId ?? claimed ?? '', 100)
  const agentId = subject?.agentId ?? (await findCredential(ctx, claimed))?.agentId
  const id = agentId ?? (clientId || 'unknown')
  recordAudit(ctx.tx, ctx, {
    event: 'agent.token_refused',
    subject: { kind: agentId ? 'agent' : 'client', id, name: id },
    detail: { clientId, reason: error.message, grant: grant.kind },
    decision: 'deny',
    ...(agentId ? { agentId } : {}),
    ...(error.rule ? { rule: error.rule } : {}),
  })
}
