import { recordAudit } from '#lib/audit/commands.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { hashToken, randomSecret } from '#lib/core/secret-box.ts'
import { cutText } from '#lib/core/storable.ts'
import type { Db, Tx } from '#lib/db/client.ts'
import { actorOf, actorSelect } from '../actors.ts'
import type { TokenEndpointError } from '../agent-token-request.ts'
import { type Actor, authorize, type Ctx, inTx, requirePerson } from '../ctx.ts'
import { isPermission, type Permission } from '../permissions.ts'
import type { AppRule } from '../rules/app-client.ts'
import { verifierMatches } from '../rules/app-request.ts'
import { endConnection } from '../app-connections.ts'
import type { AppServer } from '../app-lookup.ts'

const accessMs = 60 * 60_000
/** Each exchange begins it anew, up to the end of the connection. */
const refreshMs = 30 * 86_400_000

export type AppTokens = { accessToken: string; refreshToken: string; expiresAt: Date; scope: string }

type InTx = Ctx & { tx: Tx }
type Held = NonNullable<Awaited<ReturnType<typeof lockHeld>>>

/**
 * Exchanges a code (OAuth 2.1 §4.1.3, with its PKCE verifier) or a refresh token (§4.3) for new tokens. Each counts once: a second
 * time ends the connection, because somebody else has it. Only while the person may sign in. Every refusal is on record. Public: it authenticates by
 * itself.
 */
export async function exchangeAppToken(
  ctx: Ctx,
  { server, form }: { server: Pick<AppServer, 'resource'>; form: URLSearchParams },
): Promise<Result<AppTokens, TokenEndpointError>> {
  const kind = form.get('grant_type') === 'refresh_token' ? 'refresh' : 'code'
  const given = form.get(kind === 'code' ? 'code' : 'refresh_token')
  const clientId = form.get('client_id')
  if (!given || !clientId) {
    const message = `The parameters client_id and ${kind === 'code' ? 'code' : 'refresh_token'} are needed.`
    return err({ error: 'invalid_request', message })
  }
  return await inTx(ctx, async (_, ctx) => {
    const held = await lockHeld(ctx, { token: given, kind })
    const problem = held ? refusalOf(ctx, { held, form, kind, clientId, server }) : unknownGrant
    if (!held || problem) {
      await refuse(ctx, { held, clientId, problem: problem ?? unknownGrant })
      return err(toWire(problem ?? unknownGrant))
    }
    await ctx.tx.appToken.update({ where: { hash: held.hash }, data: { usedAt: ctx.now } })
    return ok(await issue(ctx, { held, kind }))
  })
}

/**
 * Ends the connection that a token belongs to (RFC 7009): whoever gives one back has no use for the others. The client must be the one it was issued to. A token that is not known is no
 * error: there is nothing to end. Public, as the token endpoint.
 */
export async function revokeAppToken(
  ctx: Ctx,
  { token, clientId }: { token: string; clientId: string | null },
): Promise<Result<{ revoked: boolean }, TokenEndpointError>> {
  return await inTx(ctx, async (_, ctx) => {
    const held = await lockHeld(ctx, { token, kind: null })
    if (!held) return ok({ revoked: false })
    if (held.connection.clientId !== clientId) {
      const message = 'The token was issued to another client.'
      await refuse(ctx, { held, clientId: clientId ?? 'unknown', problem: { rule: 'app:grant_invalid', message } })
      return err({ error: 'unauthorized_client', message })
    }
    await endConnection(ctx, { connection: held.connection, by: 'app' })
    return ok({ revoked: true })
  })
}

/** Ends one of one's own connections at once; one that is ended already stays as it is. Needs `tokens:own`. */
export async function endAppConnection(ctx: Ctx, { connectionId }: { connectionId: string }): Promise<void> {
  authorize(ctx, 'tokens:own')
  const person = requirePerson(ctx)
  await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "AppConnection" where "id" = ${connectionId}::uuid for update`
    const connection = await tx.appConnection.findFirst({ where: { id: connectionId, personId: person.id } })
    if (!connection) throw new DomainError('not_found', 'You have no such connection.')
    await endConnection(ctx, { connection, by: 'person' })
  })
}

/**
 * For whom an app asks; null when the token is unknown, expired, for another resource, or its connection or person is not in force any more.
 * The permissions are those that were allowed and that the person still has.
 */
export async function authenticateAppToken(
  db: Db,
  ask: { token: string; resource: string; now: Date; demoPeople?: boolean },
): Promise<Extract<Actor, { kind: 'person' }> | null> {
  if (!/^wh_app_[\w-]{43}$/.test(ask.token)) return null
  const row = await db.appToken.findFirst({
    where: {
      hash: hashToken(ask.token),
      kind: 'access',
      expiresAt: { gt: ask.now },
      connection: {
        resource: ask.resource,
        revokedAt: null,
        expiresAt: { gt: ask.now },
        ...(ask.demoPeople === false ? { person: { demo: false } } : {}),
      },
    },
    select: {
      connection: { select: { id: true, permissions: true, lastUsedAt: true, person: { select: actorSelect } } },
    },
  })
  const person = row && actorOf(row.connection.person)
  if (!person) return null
  const { id, permissions, lastUsedAt } = row.connection
  // Once a minute is enough to see that an app is in use.
  if (!lastUsedAt || ask.now.getTime() - lastUsedAt.getTime() >= 60_000) {
    await db.appConnection.update({ where: { id }, data: { lastUsedAt: ask.now } })
  }
  const allowed = permissions.filter((name): name is Permission => isPermission(name) && person.permissions.has(name))
  return { ...person, permissions: new Set(allowed), connectionId: id }
}

const keptMs = 90 * 86_400_000
const unusedClientMs = 86_400_000

/** Deletes what has ended and what nobody came for, in the worker: tokens at their end, connections later, apps that nobody connected after a day. */
export async function forgetAppTokens(ctx: Ctx): Promise<void> {
  const before = (ms: number) => new Date(ctx.now.getTime() - ms)
  await inTx(ctx, async (tx) => {
    await tx.appToken.deleteMany({ where: { expiresAt: { lt: before(86_400_000) } } })
    const ended = { lt: before(keptMs) }
    await tx.appConnection.deleteMany({ where: { OR: [{ revokedAt: ended }, { expiresAt: ended }] } })
    await tx.appClient.deleteMany({ where: { createdAt: { lt: before(unusedClientMs) }, connections: { none: {} } } })
  })
}

type Problem = {
  rule: AppRule
  message: string
  ends?: 'code_reuse' | 'token_reuse'
  error?: TokenEndpointError['error']
}

const unknownGrant: Problem = {
  rule: 'app:grant_invalid',
  message: 'It is not known, has expired, or its connection was ended.',
}

function refusalOf(
  ctx: Ctx,
  given: {
    held: Held
    form: URLSearchParams
    kind: 'code' | 'refresh'
    clientId: string
    server: Pick<AppServer, 'resource'>
  },
): Problem | null {
  const { held, form, kind, clientId, server } = given
  const { connection } = held
  if (connection.clientId !== clientId) {
    return { rule: 'app:grant_invalid', message: 'It was issued to another client.' }
  }
  if (held.usedAt) {
    const what = kind === 'code' ? 'code' : 'refresh token'
    const message = `This ${what} was used before, so somebody else may have it: the connection is ended.`
    return kind === 'code'
      ? { rule: 'app:code_reused', message, ends: 'code_reuse' }
      : { rule: 'app:token_reused', message, ends: 'token_reuse' }
  }
  const isOver = held.expiresAt <= ctx.now || connection.expiresAt <= ctx.now || connection.revokedAt !== null
  if (isOver || !actorOf(connection.person)) return unknownGrant
  const resources = form.getAll('resource')
  if (connection.resource !== server.resource || resources.some((resource) => resource !== connection.resource)) {
    const message = `The resource must be ${server.resource}.`
    return { rule: 'app:resource_not_served', message, error: 'invalid_target' }
  }
  if (kind === 'code' && form.get('redirect_uri') !== held.redirectUri) {
    return { rule: 'app:grant_invalid', message: 'The redirect_uri is not the one the code was asked with.' }
  }
  if (kind === 'code' && !verifierMatches(form.get('code_verifier') ?? '', held.challenge ?? '')) {
    return { rule: 'app:pkce_required', message: 'The code_verifier does not belong to the code_challenge.' }
  }
  return null
}

function toWire({ rule, message, error = 'invalid_grant' }: Problem): TokenEndpointError {
  return { error, message, rule }
}

async function refuse(
  ctx: InTx,
  { held, clientId, problem }: { held: Held | null; clientId: string; problem: Problem },
): Promise<void> {
  const id = cutText(clientId, 500)
  recordAudit(ctx.tx, ctx, {
    event: 'app.refused',
    subject: { kind: 'app', id, name: held?.connection.clientName ?? id },
    decision: 'deny',
    rule: problem.rule,
    detail: { reason: problem.message, personId: held?.connection.personId ?? null },
  })
  if (held && problem.ends) await endConnection(ctx, { connection: held.connection, by: problem.ends })
}

async function issue(ctx: InTx, { held, kind }: { held: Held; kind: 'code' | 'refresh' }): Promise<AppTokens> {
  const { connection } = held
  const until = (ms: number) => new Date(Math.min(ctx.now.getTime() + ms, connection.expiresAt.getTime()))
  const tokens = {
    access: { token: `wh_app_${randomSecret(32)}`, expiresAt: until(accessMs) },
    refresh: { token: `wh_ref_${randomSecret(32)}`, expiresAt: until(refreshMs) },
  }
  await ctx.tx.appToken.createMany({
    data: Object.entries(tokens).map(([name, { token, expiresAt }]) => ({
      hash: hashToken(token),
      connectionId: connection.id,
      kind: name,
      createdAt: ctx.now,
      expiresAt,
    })),
  })
  const { expiresAt } = tokens.access
  recordAudit(ctx.tx, ctx, {
    event: 'app.token_issued',
    subject: { kind: 'app', id: connection.clientId, name: connection.clientName },
    detail: {
      connectionId: connection.id,
      personId: connection.personId,
      grant: kind === 'code' ? 'authorization_code' : 'refresh_token',
      expiresAt: expiresAt.toISOString(),
    },
  })
  const scope = connection.permissions.join(' ')
  return { accessToken: tokens.access.token, refreshToken: tokens.refresh.token, expiresAt, scope }
}

/** What a code or token belongs to. Its connection is locked, so that two who come with the same one take turns. */
async function lockHeld(ctx: InTx, { token, kind }: { token: string; kind: 'code' | 'refresh' | null }) {
  const where = { hash: hashToken(token), ...(kind ? { kind } : {}) }
  const found = await ctx.tx.appToken.findFirst({ where, select: { connectionId: true } })
  if (!found) return null
  await ctx.tx.$queryRaw`select 1 from "AppConnection" where "id" = ${found.connectionId}::uuid for update`
  return await ctx.tx.appToken.findFirst({
    where,
    include: { connection: { include: { person: { select: actorSelect } } } },
  })
}
