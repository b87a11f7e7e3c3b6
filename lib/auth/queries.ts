import { revisionOf } from '#lib/core/revision.ts'
import type { Db, Tx } from '#lib/db/client.ts'
import { actorOf, actorSelect } from './actors.ts'
import { type Actor, authorize, type Ctx, reader, requirePerson } from './ctx.ts'
import { tokenState } from './rules.ts'
import { verifiesAfterRetirementMs } from './rules/access-token.ts'
import type { AccessTokenView, AgentCredentialView, AppConnectionView, SigningKeyView } from './schema.ts'
import { signingNow } from './signing-keys.ts'

type PersonActor = Extract<Actor, { kind: 'person' }>

/**
 * Who holds a browser session, with roles and permissions as they are now; null when it ended, was revoked, or the person is deactivated.
 * `demoPeople: false`: where nobody may sign in as a demo person, a session from before is nobody's either.
 */
export async function actorForSession(
  db: Db,
  ask: { sessionId: string; now: Date; demoPeople?: boolean },
): Promise<PersonActor | null> {
  const session = await db.loginSession.findFirst({
    where: {
      id: ask.sessionId,
      revokedAt: null,
      expiresAt: { gt: ask.now },
      ...(ask.demoPeople === false ? { person: { demo: false } } : {}),
    },
    select: { person: { select: actorSelect } },
  })
  return session ? actorOf(session.person) : null
}

/** A person as an actor, with roles and permissions as they are now; null when unknown or deactivated. */
export async function actorForPerson(db: Db, personId: string): Promise<PersonActor | null> {
  const person = await db.person.findUnique({ where: { id: personId }, select: actorSelect })
  return person ? actorOf(person) : null
}

/** Everybody who may sign in, or those of some ids, with roles and permissions as they are now: for processes of our own that tell people of something. */
export async function activePeople(ctx: Ctx, only: { ids?: readonly string[] } = {}): Promise<PersonActor[]> {
  const people = await reader(ctx).person.findMany({
    where: { active: true, ...(only.ids ? { id: { in: [...only.ids] } } : {}) },
    orderBy: { id: 'asc' },
    select: actorSelect,
  })
  return people.flatMap((person) => actorOf(person) ?? [])
}

/** One's own access tokens, newest first, without those that ended more than 30 days ago. Needs `tokens:own`. */
export async function listAccessTokens(ctx: Ctx): Promise<AccessTokenView[]> {
  authorize(ctx, 'tokens:own')
  const horizon = new Date(ctx.now.getTime() - 30 * 24 * 60 * 60 * 1000)
  const tokens = await reader(ctx).accessToken.findMany({
    where: {
      personId: requirePerson(ctx).id,
      expiresAt: { gt: horizon },
      OR: [{ revokedAt: null }, { revokedAt: { gt: horizon } }],
    },
    orderBy: { createdAt: 'desc' },
    omit: { hash: true },
  })
  return tokens.map((token) => ({
    id: token.id,
    name: token.name,
    prefix: token.prefix,
    permissions: token.permissions,
    createdAt: token.createdAt,
    expiresAt: token.expiresAt,
    lastUsedAt: token.lastUsedAt,
    state: tokenState(token, ctx.now),
  }))
}

/** The apps that read for oneself, newest first, without those that ended more than 30 days ago. Needs `tokens:own`. */
export async function listAppConnections(ctx: Ctx): Promise<AppConnectionView[]> {
  authorize(ctx, 'tokens:own')
  const horizon = new Date(ctx.now.getTime() - 30 * 24 * 60 * 60 * 1000)
  const rows = await reader(ctx).appConnection.findMany({
    where: {
      personId: requirePerson(ctx).id,
      expiresAt: { gt: horizon },
      OR: [{ revokedAt: null }, { revokedAt: { gt: horizon } }],
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: 500,
    include: { client: { select: { kind: true } } },
  })
  return rows.map((row) => ({
    id: row.id,
    name: row.clientName,
    host: row.client.kind === 'document' ? new URL(row.clientId).host : null,
    permissions: row.permissions,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    lastUsedAt: row.lastUsedAt,
    state: tokenState(row, ctx.now),
  }))
}

/** The credentials of an agent for use outside of the harness, newest first, revoked ones too; no secret is in it. Needs `agents:read`. */
export async function listAgentCredentials(ctx: Ctx, agentId: string): Promise<AgentCredentialView[]> {
  authorize(ctx, 'agents:read')
  const rows = await reader(ctx).agentCredential.findMany({
    where: { agentId },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: 200,
    select: { clientId: true, secretHash: true, createdAt: true, lastUsedAt: true, revokedAt: true },
  })
  return rows.map(({ secretHash, ...shown }) => ({ ...shown, kind: secretHash === null ? 'key' : 'secret' }))
}

/** The keys of agent tokens, newest first, without those that ended more than 90 days ago. Needs `keys:rotate`. */
export async function listSigningKeys(ctx: Ctx): Promise<SigningKeyView[]> {
  authorize(ctx, 'keys:rotate')
  const horizon = new Date(ctx.now.getTime() - 90 * 24 * 60 * 60 * 1000)
  const rows = await reader(ctx).signingKey.findMany({
    where: { OR: [{ retiredAt: null }, { retiredAt: { gt: horizon } }] },
    orderBy: { createdAt: 'desc' },
    select: { kid: true, publicJwk: true, createdAt: true, retiredAt: true, withdrawnAt: true, lastUsedAt: true },
  })
  const signing = signingNow(rows, ctx.now)
  return rows.map(({ withdrawnAt, publicJwk, ...row }) => {
    const key = { ...row, algorithm: algorithmOf(publicJwk) }
    const ended = key.retiredAt !== null && key.retiredAt.getTime() + verifiesAfterRetirementMs <= ctx.now.getTime()
    if (withdrawnAt) return { ...key, state: 'withdrawn' }
    if (key.kid === signing?.kid) return { ...key, state: 'signing' }
    if (ended) return { ...key, state: 'ended' }
    return { ...key, state: key.retiredAt !== null && key.retiredAt <= ctx.now ? 'verifying' : 'waiting' }
  })
}

function algorithmOf(publicJwk: unknown): string {
  const { alg } = publicJwk as { alg?: unknown }
  return typeof alg === 'string' ? alg : 'EdDSA'
}

/** Whether somebody may sign in, and as what, as a text that changes with it; null: there is no such person. With `lock` they are held as a command does. */
export async function personRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "Person" where "id" = ${id}::uuid for no key update`
  const person = await tx.person.findUnique({
    where: { id },
    omit: { groupsSeenAt: true },
    include: { roles: { orderBy: { role: 'asc' } }, memberships: { orderBy: { teamId: 'asc' } } },
  })
  return person && revisionOf(person)
}
