import { createHash, randomBytes } from 'node:crypto'
import { type Actor, anonymous } from '#lib/auth/ctx.ts'
import { type AppServer, createClientDocuments, registerAppClient } from '#lib/auth/commands/app-clients.ts'
import { decideAuthorization } from '#lib/auth/commands/app-consent.ts'
import { authenticateAppToken, exchangeAppToken } from '#lib/auth/commands/app-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { ctxFor, makePerson } from './fleet.ts'

// Apps of people: registered, allowed, with tokens.

export const resource = 'https://broker.test/mcp/registry'
export const server: AppServer = { issuer: 'https://portal.test', resource, documents: createClientDocuments() }
export const redirect = 'http://127.0.0.1:4000/cb'
export const now = new Date('2026-11-20T12:00:00Z')
export const later = (ms: number) => new Date(now.getTime() + ms)

export async function registered(db: Db): Promise<string> {
  const document = { client_name: 'Claude', redirect_uris: [redirect] }
  const client = await registerAppClient(ctxFor(db, anonymous, now), { document, from: '203.0.113.0/24' })
  if (!client.ok) throw new Error(client.error.message)
  return client.value.id
}

export function paramsOf(clientId: string, changes: Record<string, string> = {}) {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const params: Record<string, string> = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirect,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource,
    scope: 'agents:read runs:read',
    ...changes,
  }
  return { verifier, params }
}

/** A code that a person has just allowed, as the form of its exchange. */
export async function allowed(db: Db, options: { person?: Actor; clientId?: string } = {}) {
  const person = options.person ?? (await makePerson(db))
  const clientId = options.clientId ?? (await registered(db))
  const { verifier, params } = paramsOf(clientId)
  const decided = await decideAuthorization(ctxFor(db, person, now), { server, params, allow: true })
  if (!decided.ok) throw new Error(decided.error.message)
  const code = new URL(decided.value.redirectTo).searchParams.get('code')!
  const form = {
    grant_type: 'authorization_code',
    code,
    client_id: clientId,
    redirect_uri: redirect,
    code_verifier: verifier,
  }
  return { person, clientId, form }
}

export function exchange(db: Db, form: Record<string, string>, at = now) {
  return exchangeAppToken(ctxFor(db, anonymous, at), { server, form: new URLSearchParams(form) })
}

export async function tokensOf(db: Db) {
  const about = await allowed(db)
  const tokens = await exchange(db, about.form)
  if (!tokens.ok) throw new Error(tokens.error.message)
  const refresh = { grant_type: 'refresh_token', refresh_token: tokens.value.refreshToken, client_id: about.clientId }
  return { ...about, ...tokens.value, refresh }
}

export function lastAppEvent(db: Db) {
  return db.auditEvent.findFirst({ where: { event: { startsWith: 'app.' } }, orderBy: { seq: 'desc' } })
}

export const who = (db: Db, token: string, at = now) => authenticateAppToken(db, { token, resource, now: at })
