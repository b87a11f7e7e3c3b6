import { expect } from 'vitest'
import { createTokenIssuer, issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, secretBox } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent as makeBoundAgent } from '#lib/dev/test/fleet.ts'
import { askForToken, systemCtx } from '#lib/dev/test/tokens.ts'
import { idJagClaims, startIssuer } from '#lib/dev/test/trusted-issuer.ts'
import { noteUnknownSubject } from './unknown-subject.ts'

const now = new Date('2026-11-22T10:00:00Z')
const seconds = now.getTime() / 1000

const test = dbTest.extend('issuer', { scope: 'file' }, async ({}, { onCleanup }) => {
  const claude = await startIssuer()
  const idp = await startIssuer()
  onCleanup(async () => {
    await claude.stop()
    await idp.stop()
  })
  const claims = { agent: 'agent_id', version: 'agent_version', session: 'session_id' }
  const tokens = createTokenIssuer({
    url: 'http://localhost:3000',
    brokerUrl: 'http://localhost:7400',
    secretBox,
    trustedIssuers: [
      { use: 'claude-sessions', issuer: claude.url, jwks: claude.jwks, claims },
      { use: 'identity-assertions', issuer: idp.url, jwks: idp.jwks, agents: [{ agent: 'somebody', subject: 'ada' }] },
    ],
    noteUnknown: noteUnknownSubject,
  })
  return { claude, idp, tokens }
})

function found(db: Db) {
  return db.unregisteredAgent.findMany({ orderBy: { firstSeenAt: 'asc' } })
}

test('a session of an agent at Claude that nobody has registered is noted when it asks for a token, with the refusal', async ({
  db,
  issuer: { claude, tokens },
}) => {
  const ask = async (agent: string) => {
    const claims = {
      aud: tokens.audience,
      agent_id: agent,
      agent_version: 1,
      session_id: 'sesn_x',
      iat: seconds,
      exp: seconds + 600,
    }
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: await claude.sign(claims),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    }
    return await askForToken(systemCtx(db, now), tokens, { form })
  }
  expect(await ask('agent_of_nobody')).toMatchObject({ ok: false, error: { rule: 'session_unknown' } })
  await ask('agent_of_nobody')
  const bound = await makeBoundAgent(db)
  await ask(`agent_${bound.id}`)
  expect(await found(db)).toMatchObject([
    { source: 'claude', key: 'agent_of_nobody', verified: true, count: 2, detail: { issuer: claude.url } },
  ])
  const events = await db.auditEvent.findMany({ where: { event: 'unregistered.found' } })
  expect(events).toMatchObject([{ actorKind: 'system', actorId: 'portal' }])
})

test('somebody whom the identity provider vouches for and whom no agent is given to is noted; a forged assertion is not', async ({
  db,
  issuer: { idp, tokens },
}) => {
  await db.unregisteredAgent.deleteMany()
  const { agentId } = await makeAgent(db)
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db, now), { agentId })
  const ask = async (subject: string, by = idp) => {
    const claims = idJagClaims({ audience: tokens.issuer, subject, clientId, now, changes: { iss: idp.url } })
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      client_id: clientId,
      client_secret: clientSecret!,
      assertion: await by.sign(claims, { typ: 'oauth-id-jag+jwt' }),
    }
    return await askForToken(systemCtx(db, now), tokens, { form })
  }
  expect(await ask('eve')).toMatchObject({ ok: false, error: { rule: 'subject_not_mapped' } })
  const forger = await startIssuer()
  expect((await ask('mallory', forger)).ok).toBe(false)
  await forger.stop()
  expect(await found(db)).toMatchObject([
    { source: 'token_endpoint', key: `${idp.url} eve`, name: 'eve', verified: true, detail: { client: clientId } },
  ])
})

test('somebody unknown is told of when the refusal stands already', async ({ db, issuer: { claude, tokens } }) => {
  const recorded: number[] = []
  const refusals = () => db.auditEvent.count({ where: { event: 'agent.token_refused', rule: 'session_unknown' } })
  const before = await refusals()
  const noteUnknown = async () => void recorded.push((await refusals()) - before)
  const ids = { agent_id: 'agent_of_nobody', agent_version: 1, session_id: 'sesn_y' }
  const claims = { ...ids, aud: tokens.audience, iat: seconds, exp: seconds + 600 }
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: await claude.sign(claims),
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  }
  expect((await askForToken(systemCtx(db, now), { ...tokens, noteUnknown }, { form })).ok).toBe(false)
  expect(recorded).toEqual([1])
})
