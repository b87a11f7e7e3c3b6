import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { askForToken, formType, systemCtx } from '#lib/dev/test/tokens.ts'
import { answerRevocationRequest, revokeAgentToken } from './agent-token-revocation.ts'
import { createTokenIssuer, issueAgentCredential } from './agent-tokens.ts'

const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const issuer = createTokenIssuer({ url: 'http://localhost:3000', brokerUrl: 'http://localhost:7400', secretBox })

async function client(db: Db, known?: { agentId: string }) {
  const { agentId } = known ?? (await makeAgent(db))
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db), { agentId })
  const form = { client_id: clientId, client_secret: clientSecret! }
  const issued = await askForToken(systemCtx(db), issuer, { form })
  if (!issued.ok) throw new Error(issued.error.message)
  return { agentId, form, token: issued.value.token }
}

function revoke(db: Db, form: Record<string, string>) {
  const headers = new Headers({ 'content-type': formType })
  return answerRevocationRequest(systemCtx(db), { issuer, headers, body: new URLSearchParams(form).toString() })
}

dbTest('a client ends its own token once, and hears the same when there is nothing to end', async ({ db }) => {
  const { agentId, form, token } = await client(db)
  for (const given of [token, token, 'nonsense', `${token}x`]) {
    const answer = await revoke(db, { ...form, token: given, token_type_hint: 'access_token' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  }
  expect(await db.revokedToken.count()).toBe(1)
  expect(await db.auditEvent.count({ where: { event: 'agent.token_revoked', agentId } })).toBe(1)
  const exchange = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }
  const exchanged = await askForToken(systemCtx(db), issuer, { form: exchange })
  expect(exchanged).toMatchObject({ ok: false, error: { error: 'invalid_request', rule: 'token_revoked' } })
})

dbTest('two revocations at once are one', async ({ db }) => {
  const { agentId, form, token } = await client(db)
  const answers = await Promise.all([1, 2].map(() => revoke(db, { ...form, token })))
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect(await db.auditEvent.count({ where: { event: 'agent.token_revoked', agentId } })).toBe(1)
})

dbTest('nobody ends the token of somebody else, nor without proving who they are', async ({ db }) => {
  const [one, other] = [await client(db), await client(db)]
  const before = await db.revokedToken.count()
  const foreign = await revoke(db, { ...other.form, token: one.token })
  expect([foreign.status, await foreign.json()]).toMatchObject([400, { error: 'unauthorized_client' }])
  const guessed = await revoke(db, { ...one.form, client_secret: 'guess', token: one.token })
  expect([guessed.status, await guessed.json()]).toMatchObject([401, { error: 'invalid_client' }])
  const body = new URLSearchParams({ token: one.token }).toString()
  const nobody = await revokeAgentToken(systemCtx(db), { issuer, authorization: null, contentType: formType, body })
  expect(nobody).toMatchObject({ ok: false, error: { error: 'invalid_client' } })
  const nothing = await revoke(db, one.form)
  expect([nothing.status, await nothing.json()]).toMatchObject([400, { error: 'invalid_request' }])
  expect(await db.revokedToken.count()).toBe(before)
  const refused = { event: 'agent.token_refused', agentId: one.agentId, rule: 'client_authentication_failed' }
  expect(await db.auditEvent.count({ where: refused })).toBe(1)
})
