import { recordAudit } from '#lib/audit/commands.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { hashToken, randomSecret } from '#lib/core/secret-box.ts'
import { authorize, can, type Ctx, inTx, requirePerson } from '../ctx.ts'
import { type AppRefusal, redirectMatches } from '../rules/app-client.ts'
import {
  type AppScope,
  appScopes,
  authorizationAnswer,
  authorizationParams,
  type AuthorizationParams,
  checkAuthorizationRequest,
  type CheckedRequest,
} from '../rules/app-request.ts'
import type { AuthorizationReview } from '../schema.ts'
import { type AppClient, type AppServer, findAppClient } from '../app-lookup.ts'

/** `backTo`: where the app waits for the answer; null when it is not known to be the app's own address. */
export type AuthorizationRefusal = AppRefusal & { backTo: string | null }

const codeMs = 60_000
const connectionMs = 180 * 86_400_000

type Asked = { client: AppClient; params: AuthorizationParams; request: CheckedRequest; scopes: AppScope[] }
type Search = Record<string, string | string[] | undefined>

/**
 * What a person is asked when an app sends them here: who it is, where the answer goes, what it may read. Refused, and on record, when the
 * request is not as it must be. Needs `tokens:own` and a browser session.
 */
export async function reviewAuthorization(
  ctx: Ctx,
  input: { server: AppServer; params: Search },
): Promise<Result<AuthorizationReview, AuthorizationRefusal>> {
  const asked = await check(ctx, input)
  if (!asked.ok) return asked
  const { client, params, scopes } = asked.value
  const redirect = new URL(params.redirect_uri)
  return ok({
    client: { name: client.name, host: client.kind === 'document' ? new URL(client.id).host : null },
    redirectHost: redirect.protocol === 'https:' ? redirect.host : null,
    scopes: scopes.map((permission) => ({ permission, says: appScopes[permission] })),
  })
}

/**
 * The person's answer. Allowed, the app gets a code that it can exchange once, within a minute; denied, it is told so. Both are on record,
 * and both come back as the address the browser goes to. Needs `tokens:own` and a browser session.
 */
export async function decideAuthorization(
  ctx: Ctx,
  input: { server: AppServer; params: Search; allow: boolean },
): Promise<Result<{ redirectTo: string }, AuthorizationRefusal>> {
  const asked = await check(ctx, input)
  if (!asked.ok) return asked
  const { client, params, request, scopes } = asked.value
  const person = requirePerson(ctx)
  const to = { redirectUri: params.redirect_uri, state: params.state, issuer: input.server.issuer }
  return await inTx(ctx, async (tx, ctx) => {
    if (!input.allow) {
      recordRefusal(ctx, { client, rule: 'app:denied', message: 'The person said no.' })
      const answer = { error: 'access_denied', error_description: 'The person said no.' }
      return ok({ redirectTo: authorizationAnswer(to, answer) })
    }
    const expiresAt = new Date(ctx.now.getTime() + connectionMs)
    const connection = await tx.appConnection.create({
      data: {
        personId: person.id,
        clientId: client.id,
        clientName: client.name,
        resource: request.resource,
        permissions: scopes,
        createdAt: ctx.now,
        expiresAt,
      },
      select: { id: true },
    })
    const code = `wh_code_${randomSecret(32)}`
    await tx.appToken.create({
      data: {
        hash: hashToken(code),
        connectionId: connection.id,
        kind: 'code',
        createdAt: ctx.now,
        expiresAt: new Date(ctx.now.getTime() + codeMs),
        redirectUri: params.redirect_uri,
        challenge: request.challenge,
      },
    })
    recordAudit(tx, ctx, {
      event: 'app.connected',
      subject: { kind: 'app', id: client.id, name: client.name },
      detail: {
        connectionId: connection.id,
        permissions: scopes,
        resource: request.resource,
        expiresAt: expiresAt.toISOString(),
      },
    })
    return ok({ redirectTo: authorizationAnswer(to, { code }) })
  })
}

async function check(
  ctx: Ctx,
  { server, params: search }: { server: AppServer; params: Search },
): Promise<Result<Asked, AuthorizationRefusal>> {
  authorize(ctx, 'tokens:own')
  const person = requirePerson(ctx)
  if (person.tokenId !== undefined) {
    throw new DomainError('forbidden', 'An app is allowed in the browser, not with a token.', {
      rule: 'app:browser_only',
    })
  }
  const checked = await checkUnrecorded(ctx, { server, search })
  if (checked.ok) return checked
  const { client, ...refusal } = checked.error
  await inTx(ctx, async (_, ctx) => recordRefusal(ctx, { client, ...refusal }))
  return err(refusal)
}

async function checkUnrecorded(
  ctx: Ctx,
  { server, search }: { server: AppServer; search: Search },
): Promise<Result<Asked, AuthorizationRefusal & { client: Pick<AppClient, 'id' | 'name'> }>> {
  const unknown = { id: 'unknown', name: 'unknown' }
  const parsed = authorizationParams.safeParse(search)
  if (!parsed.success) {
    // Also what is given twice, which then is no text.
    const names = [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))].join(', ')
    const message = `These parameters are missing, too long or given twice: ${names}.`
    return err({ rule: 'app:request_invalid', message, backTo: null, client: unknown })
  }
  const params = parsed.data
  const found = await findAppClient(ctx, { clientId: params.client_id, documents: server.documents })
  if (!found.ok) return err({ ...found.error, backTo: null, client: { ...unknown, id: params.client_id } })
  const client = found.value
  if (!redirectMatches(client.redirectUris, params.redirect_uri)) {
    const message = `${client.name} has not registered the redirect_uri ${params.redirect_uri.slice(0, 200)}.`
    return err({ rule: 'app:redirect_not_registered', message, backTo: null, client })
  }
  const refuse = ({ error, ...refusal }: AppRefusal & { error: string }) => {
    const to = { redirectUri: params.redirect_uri, state: params.state, issuer: server.issuer }
    const backTo = authorizationAnswer(to, { error, error_description: refusal.message })
    return err({ ...refusal, backTo, client })
  }
  const request = checkAuthorizationRequest(params, { resource: server.resource })
  if (!request.ok) return refuse(request.error)
  const scopes = request.value.scopes.filter((scope) => can(ctx.actor, scope))
  if (scopes.length === 0) {
    const message = `Your roles allow none of ${request.value.scopes.join(', ')}, so there is nothing to allow.`
    return refuse({ error: 'access_denied', rule: 'app:nothing_to_allow', message })
  }
  return ok({ client, params, request: request.value, scopes })
}

function recordRefusal(
  ctx: Ctx & { tx: NonNullable<Ctx['tx']> },
  { client, rule, message }: AppRefusal & { client: Pick<AppClient, 'id' | 'name'> },
): void {
  recordAudit(ctx.tx, ctx, {
    event: 'app.refused',
    subject: { kind: 'app', id: client.id.slice(0, 500), name: client.name },
    decision: 'deny',
    rule,
    detail: { reason: message, personId: requirePerson(ctx).id },
  })
}
