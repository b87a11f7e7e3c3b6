import { randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import { expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, makeRun } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { askForToken, clientKey, dpopProof, systemCtx } from '#lib/dev/test/tokens.ts'
import { startIssuer, type TestIssuer } from '#lib/dev/test/trusted-issuer.ts'
import { createTokenIssuer, issueAgentCredential, mintSessionToken, type TokenIssuer } from './agent-tokens.ts'

const now = new Date('2026-11-22T10:00:00Z')
const seconds = now.getTime() / 1000
const endpoint = 'http://localhost:3000/api/oauth/token'
const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`

/** Where the other of two Claude servers is, which is not where its issuer is. */
const otherServer = 'https://claude.other.test/api'

type World = { claude: TestIssuer; other: TestIssuer; issuer: TokenIssuer }
const test = dbTest.extend('world', { scope: 'file' }, async ({}, { onCleanup }): Promise<World> => {
  const [claude, other] = [await startIssuer(), await startIssuer()]
  onCleanup(async () => void (await Promise.all([claude.stop(), other.stop()])))
  const claims = { agent: 'agent_id', version: 'agent_version', session: 'session_id' }
  const issuer = createTokenIssuer({
    url: 'http://localhost:3000',
    brokerUrl: 'http://localhost:7400',
    secretBox: createSecretBox(randomBytes(32).toString('base64')),
    trustedIssuers: [claude, other].map(({ url, jwks }) => ({
      use: 'claude-sessions' as const,
      issuer: url,
      jwks,
      claims,
      ...(url === claude.url ? {} : { server: `${otherServer}/` }),
    })),
  })
  return { claude, other, issuer }
})

function exchange(
  db: Db,
  { issuer }: World,
  subjectToken: string,
  more: { at?: Date; type?: string; form?: Record<string, string>; dpop?: string } = {},
) {
  const { at = now, type = 'access_token', form, dpop } = more
  const standard = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken,
    subject_token_type: tokenType(type),
  }
  return askForToken(systemCtx(db, at), issuer, { form: { ...standard, ...form }, ...(dpop ? { dpop } : {}) })
}

async function ownToken(db: Db, { issuer }: World, agentId: string, dpop?: string) {
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db, now), { agentId })
  const form = { client_id: clientId, client_secret: clientSecret! }
  const issued = await askForToken(systemCtx(db, now), issuer, { form, ...(dpop ? { dpop } : {}) })
  if (!issued.ok) throw new Error(issued.error.message)
  return { token: issued.value.token, clientId }
}

const claimsOf = (outcome: Awaited<ReturnType<typeof exchange>>) => decodeJwt(outcome.ok ? outcome.value.token : '')

test('a token is exchanged for one that is for less, and never for one that is for more or lives longer', async ({
  db,
  world,
}) => {
  const { agentId } = await makeAgent(db)
  const [one, two] = [await makeServer(db), await makeServer(db)]
  const at = (id: string) => `${world.issuer.audience}/${id}`
  const { token, clientId } = await ownToken(db, world, agentId)
  const later = new Date(now.getTime() + 10 * 60_000)
  const narrowed = await exchange(db, world, token, { at: later, form: { resource: at(one) } })
  const claims = claimsOf(narrowed)
  expect(claims).toMatchObject({ sub: agentId, client_id: clientId, aud: at(one), origin: decodeJwt(token).jti })
  expect(claims.exp).toBe(decodeJwt(token).exp)
  const narrow = narrowed.ok ? narrowed.value.token : ''
  for (const resource of [world.issuer.audience, at(two)]) {
    const wider = await exchange(db, world, narrow, { at: later, form: { resource } })
    expect(wider).toMatchObject({ ok: false, error: { error: 'invalid_target', rule: 'resource_not_served' } })
  }
  const both = await exchange(db, world, token, { form: { resource: at(one), audience: at(two) } })
  expect(claimsOf(both).aud).toEqual([at(one), at(two)])
  const row = await db.auditEvent.findFirstOrThrow({ where: { agentId }, orderBy: { seq: 'desc' } })
  expect(row).toMatchObject({ event: 'agent.token_issued', detail: { grant: 'exchange' } })
})

test('the token of a run stays that of the run, and is worth nothing once the run has ended', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const serverId = await makeServer(db)
  const minted = await mintSessionToken(systemCtx(db, now), { issuer: world.issuer, ...agent, version: 1 })
  const token = minted.ok ? minted.value.token : ''
  const form = { resource: `${world.issuer.audience}/${serverId}` }
  expect(claimsOf(await exchange(db, world, token, { form }))).toMatchObject({ run: agent.runId, agent_version: 1 })
  await db.run.update({ where: { id: agent.runId }, data: { state: 'succeeded' } })
  expect(await exchange(db, world, token, { form })).toMatchObject({
    ok: false,
    error: { error: 'invalid_request', rule: 'run_not_open' },
  })
})

test('a bound token is exchanged by who holds its key only, and stays bound to it', async ({ db, world }) => {
  const { agentId } = await makeAgent(db)
  const key = await clientKey()
  const proof = (of = key) => dpopProof(of, { url: endpoint, now })
  const { token } = await ownToken(db, world, agentId, await proof())
  expect(decodeJwt(token)).toMatchObject({ cnf: { jkt: key.jkt } })
  for (const dpop of [undefined, await proof(await clientKey())]) {
    const outcome = await exchange(db, world, token, dpop ? { dpop } : {})
    expect(outcome).toMatchObject({ ok: false, error: { error: 'invalid_dpop_proof', rule: 'dpop_proof_invalid' } })
  }
  expect(claimsOf(await exchange(db, world, token, { dpop: await proof() }))).toMatchObject({ cnf: { jkt: key.jkt } })
  const bearer = await ownToken(db, world, agentId)
  const bound = await exchange(db, world, bearer.token, { dpop: await proof() })
  expect(bound).toMatchObject({ ok: true, value: { tokenType: 'DPoP' } })
})

test('what is no token of ours, of a version that is gone, or asks for something else is refused', async ({
  db,
  world,
}) => {
  const { agentId } = await makeAgent(db)
  const { token } = await ownToken(db, world, agentId)
  const refusal = async (subject: string, more: Parameters<typeof exchange>[3] = {}) => {
    const outcome = await exchange(db, world, subject, more)
    return outcome.ok ? 'exchanged' : `${outcome.error.error} ${outcome.error.rule}`
  }
  expect(await refusal(`${token}x`)).toBe('invalid_request token_invalid')
  expect(await refusal(token, { at: new Date(now.getTime() + 3_600_000) })).toBe('invalid_request token_expired')
  expect(await refusal(token, { type: 'jwt' })).toBe('invalid_request issuer_not_trusted')
  expect(await refusal(token, { type: 'saml2' })).toBe('invalid_request undefined')
  expect(await refusal(token, { form: { requested_token_type: tokenType('refresh_token') } })).toBe(
    'invalid_request undefined',
  )
  expect(await refusal(token, { form: { actor_token: 'x' } })).toBe('invalid_request undefined')
  expect(await refusal(token, { form: { client_id: 'agent-x', client_secret: 'guess' } })).toBe(
    'invalid_client client_unknown',
  )
  await db.agent.update({ where: { id: agentId }, data: { currentVersion: 2 } })
  expect(await refusal(token)).toBe('invalid_request version_mismatch')
})

/** A run as the harness starts it at a self-hosted Claude server. */
async function sessionAtClaude(db: Db, claudeServer: string | null) {
  const { agentId } = await makeAgent(db)
  const runId = await makeRun(db, agentId)
  const ids = { agent: `agent_${agentId}`, version: 4, session: `sesn_${runId}` }
  const rest = { templateId: 't', templateVersion: '1.0.0', layer: {}, rendered: {}, digest: '' }
  await db.agentVersion.create({ data: { agentId, version: 1, ...rest } })
  await db.claudeBinding.create({
    data: { agentId, version: 1, claudeAgentId: ids.agent, claudeVersion: ids.version },
  })
  await db.run.update({ where: { id: runId }, data: { claudeSessionId: ids.session, claudeServer } })
  const claims = {
    aud: 'http://localhost:7400/mcp',
    agent_id: ids.agent,
    agent_version: ids.version,
    session_id: ids.session,
    iat: seconds,
    exp: seconds + 600,
  }
  return { agentId, runId, claims }
}

test('a session at a self-hosted Claude server gets the token of its run, and one of another agent does not', async ({
  db,
  world,
}) => {
  const { agentId, runId, claims } = await sessionAtClaude(db, world.claude.url)
  const other = await sessionAtClaude(db, world.claude.url)
  const ask = async (changes: Record<string, unknown> = {}, header = {}) =>
    exchange(db, world, await world.claude.sign({ ...claims, ...changes }, header), { type: 'jwt' })
  const issued = claimsOf(await ask())
  expect(issued).toMatchObject({ sub: agentId, agent_version: 1, run: runId, client_id: `run:${runId}` })
  expect(issued.exp).toBe(seconds + 600)
  expect((await ask({ agent_version: '4' })).ok).toBe(true)

  const bad: [Record<string, unknown>, string, object?][] = [
    [{ session_id: other.claims.session_id }, 'session_unknown'],
    [{ agent_id: other.claims.agent_id }, 'session_unknown'],
    [{ agent_version: 3 }, 'session_unknown'],
    [{ session_id: 'sesn_nowhere\0' }, 'session_unknown'],
    [{ session_id: undefined }, 'assertion_invalid'],
    [{ agent_version: 'latest' }, 'assertion_invalid'],
    [{ agent_version: '' }, 'assertion_invalid'],
    [{ agent_version: [4] }, 'assertion_invalid'],
    [{ aud: 'https://elsewhere.test' }, 'assertion_invalid'],
    [{ exp: seconds - 60 }, 'assertion_invalid'],
    [{ exp: undefined }, 'assertion_invalid'],
    [{ nbf: seconds + 600 }, 'assertion_invalid'],
    [{ iss: 'https://elsewhere.test' }, 'issuer_not_trusted'],
    [{}, 'assertion_invalid', { typ: 'at+jwt' }],
    [{}, 'assertion_invalid', { typ: 'oauth-id-jag+jwt' }],
    [{}, 'assertion_invalid', { kid: 'unknown' }],
  ]
  for (const [changes, rule, header] of bad) {
    const outcome = await ask(changes, header)
    expect({ changes, outcome }).toMatchObject({ changes, outcome: { error: { error: 'invalid_request', rule } } })
  }
  await db.run.update({ where: { id: runId }, data: { state: 'stopping' } })
  expect(await ask()).toMatchObject({ ok: false, error: { rule: 'run_not_open' } })
  const refused = { event: 'agent.token_refused', agentId, rule: 'run_not_open' }
  expect(await db.auditEvent.count({ where: refused })).toBe(1)
})

test('of two Claude servers each vouches for the sessions of its own runs, and neither for one of nobody knows where', async ({
  db,
  world,
}) => {
  const servers = { claude: world.claude.url, other: otherServer, nowhere: null }
  for (const [at, server] of Object.entries(servers)) {
    const { claims } = await sessionAtClaude(db, server)
    for (const name of ['claude', 'other'] as const) {
      const outcome = await exchange(db, world, await world[name].sign(claims), { type: 'jwt' })
      const refused = { ok: false, error: { error: 'invalid_request', rule: 'session_unknown' } }
      expect({ at, name, outcome }).toMatchObject({ outcome: name === at ? { ok: true } : refused })
    }
  }
})
