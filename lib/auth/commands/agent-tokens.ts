import { randomUUID } from 'node:crypto'
import type { JWK } from 'jose'
import { recordAudit } from '#lib/audit/commands.ts'
import type { TrustedIssuerSettings } from '#lib/config/trusted-issuers.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { hashToken, randomSecret, type SecretBox } from '#lib/core/secret-box.ts'
import { algorithmsFor } from '../agent-token-assertion.ts'
import { gatherTokenFacts, type IssuedToken, signToken, type TokenIssuer } from '../agent-token-issue.ts'
import { refuseToken, type TokenRefusal } from '../agent-token-rules.ts'
import { authorize, can, type Ctx, inTx } from '../ctx.ts'
import { jwksAgeSecondsMax, publishedKeys } from '../signing-keys.ts'
import { trustedIssuers } from '../trusted-issuers.ts'

export type { IssuedToken, TokenIssuer, UnknownSubject } from '../agent-token-issue.ts'
export type { TokenRefusal } from '../agent-token-rules.ts'

/**
 * Makes the issuer of a process from its settings: the public addresses of portal and broker, the box that holds the signing key, and
 * whose assertions are taken besides registered credentials. One for the life of the process: it remembers the issuers' keys.
 */
export function createTokenIssuer(settings: {
  url: string
  brokerUrl: string
  secretBox: SecretBox
  trustedIssuers?: readonly TrustedIssuerSettings[]
  noteUnknown?: TokenIssuer['noteUnknown']
}): TokenIssuer {
  const { url, brokerUrl, secretBox } = settings
  return {
    issuer: url,
    audience: `${brokerUrl}/mcp`,
    secretBox,
    trusted: trustedIssuers(settings.trustedIssuers ?? []),
    ...(settings.noteUnknown ? { noteUnknown: settings.noteUnknown } : {}),
  }
}

/**
 * The short-lived token of one run's session, for our own processes only (throws `forbidden` otherwise). Refused with the rule, and
 * audited, unless the agent is registered, active and not stopped and the run is open and of this version. At most 15 minutes long.
 */
export async function mintSessionToken(
  ctx: Ctx,
  input: { issuer: TokenIssuer; agentId: string; version: number; runId: string },
): Promise<Result<IssuedToken, TokenRefusal>> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Session tokens are made by the platform only.')
  const { issuer, agentId, version, runId } = input
  return inTx(ctx, async (tx, ctx) => {
    const facts = await gatherTokenFacts(tx, { agentId, session: { version, runId } })
    const refusal = refuseToken(facts, agentId)
    const subject = { kind: 'agent', id: agentId, name: facts.agent?.name ?? agentId }
    const clientId = `run:${runId}`
    if (refusal) {
      const detail = { clientId, reason: refusal.message }
      recordAudit(tx, ctx, {
        event: 'agent.token_refused',
        subject,
        detail,
        agentId,
        decision: 'deny',
        rule: refusal.rule,
      })
      return err(refusal)
    }
    const issued = await signToken(ctx, issuer, { agentId, version, runId, clientId, audiences: [issuer.audience] })
    const detail = { clientId, audience: issuer.audience, expiresAt: issued.expiresAt.toISOString() }
    recordAudit(tx, ctx, { event: 'agent.token_issued', subject, detail, agentId, runId })
    return ok(issued)
  })
}

/**
 * Gives a registered agent a way to authenticate at the token endpoint: a secret, returned this once and stored as its SHA-256, or with
 * `publicJwk` (Ed25519, P-256, P-384 or RSA) its own key for private_key_jwt. Needs `agents:update` and membership of the owning team.
 * Throws `not_found`, `conflict` for a retired agent, `invalid` for a key that is private or of another kind.
 */
export async function issueAgentCredential(
  ctx: Ctx,
  input: { agentId: string; publicJwk?: JWK },
): Promise<{ clientId: string; clientSecret: string | null }> {
  authorize(ctx, 'agents:update')
  const { agentId } = input
  const publicJwk = input.publicJwk ? checkedPublicKey(input.publicJwk) : null
  return inTx(ctx, async (tx, ctx) => {
    const agent = await lockedAgent(ctx, agentId)
    if (agent.status === 'retired')
      throw new DomainError('conflict', `The agent ${agentId} is retired.`, { rule: 'agent_not_active' })
    const clientId = `agent-${randomUUID()}`
    const clientSecret = publicJwk ? null : randomSecret()
    await tx.agentCredential.create({
      data: {
        agentId,
        clientId,
        secretHash: clientSecret && hashToken(clientSecret),
        ...(publicJwk ? { publicJwk } : {}),
        issuedById: ctx.actor.kind === 'person' ? ctx.actor.id : null,
        createdAt: ctx.now,
      },
    })
    recordAudit(tx, ctx, {
      event: 'agent.credentials_issued',
      subject: { kind: 'agent', id: agentId, name: agent.name },
      detail: { clientId },
      agentId,
    })
    return { clientId, clientSecret }
  })
}

/**
 * Ends every credential of an agent, or the named one, and with it the tokens issued for it: brokers refuse them within a second. Nothing to revoke is no
 * error and leaves no audit event. Needs `agents:update`, `agents:suspend` or `agents:retire`, in the owning team unless the role reaches every
 * team's agents.
 */
export async function revokeAgentCredentials(
  ctx: Ctx,
  input: { agentId: string; clientId?: string },
): Promise<{ revoked: string[] }> {
  const central = can(ctx.actor, 'agents:suspend') || can(ctx.actor, 'agents:retire')
  if (!central) authorize(ctx, 'agents:update')
  const { agentId, clientId } = input
  return inTx(ctx, async (tx, ctx) => {
    const agent = await lockedAgent(ctx, agentId)
    const where = { agentId, revokedAt: null, ...(clientId ? { clientId } : {}) }
    const rows = await tx.agentCredential.findMany({ where, select: { clientId: true }, orderBy: { createdAt: 'asc' } })
    const revoked = rows.map((row) => row.clientId)
    if (revoked.length === 0) return { revoked }
    await tx.agentCredential.updateMany({ where, data: { revokedAt: ctx.now } })
    recordAudit(tx, ctx, {
      event: 'agent.credentials_revoked',
      subject: { kind: 'agent', id: agentId, name: agent.name },
      detail: { clientIds: revoked },
      agentId,
    })
    return { revoked }
  })
}

/** The JWK set (RFC 7517) that verifies agent tokens; public. */
export async function publicJwks(ctx: Ctx): Promise<{ keys: JWK[] }> {
  return { keys: await publishedKeys(ctx) }
}

/** The JWK set as HTTP says it: to be kept for less time than a new key waits before it signs. */
export async function answerJwksRequest(ctx: Ctx): Promise<Response> {
  const headers = { 'cache-control': `public, max-age=${jwksAgeSecondsMax}` }
  return Response.json(await publicJwks(ctx), { headers })
}

async function lockedAgent(
  ctx: Ctx & { tx: NonNullable<Ctx['tx']> },
  agentId: string,
): Promise<{ name: string; status: string }> {
  await ctx.tx.$queryRaw`select 1 from "Agent" where "id" = ${agentId} for update`
  const agent = await ctx.tx.agent.findUnique({
    where: { id: agentId },
    select: { name: true, status: true, ownerTeamId: true },
  })
  if (!agent) throw new DomainError('not_found', `No agent ${agentId} is registered.`)
  const { actor } = ctx
  const ofTeam = actor.kind !== 'person' || actor.teamIds.includes(agent.ownerTeamId)
  if (ofTeam || can(actor, 'agents:any_team')) return agent
  throw new DomainError('forbidden', 'Only members of the owning team change the credentials of an agent.', {
    rule: 'owning_team',
  })
}

function checkedPublicKey(jwk: JWK): Record<string, string> {
  const { kty, crv, x, y, n, e } = jwk
  if (algorithmsFor(jwk).length === 0) {
    throw new DomainError('invalid', 'Use an Ed25519, P-256, P-384 or RSA key.', { field: 'publicJwk' })
  }
  if ('d' in jwk)
    throw new DomainError('invalid', 'This is a private key. Register the public half only.', { field: 'publicJwk' })
  // Only what makes the key is kept: a stray member never reaches the table.
  const members = Object.entries({ kty, crv, x, y, n, e })
  return Object.fromEntries(members.filter((member): member is [string, string] => typeof member[1] === 'string'))
}
