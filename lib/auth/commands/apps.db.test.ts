import { expect } from 'vitest'
import {
  allowed,
  exchange,
  lastAppEvent,
  later,
  now,
  paramsOf,
  registered,
  resource,
  server,
  tokensOf,
  who,
} from '#lib/dev/test/apps.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { anonymous } from '../ctx.ts'
import { listAppConnections } from '../queries.ts'
import { decideAuthorization, reviewAuthorization } from './app-consent.ts'
import { authenticateAppToken, endAppConnection, revokeAppToken } from './app-tokens.ts'

dbTest('a code counts once, with its verifier, redirect and client, within a minute', async ({ db }) => {
  const { form, person } = await allowed(db)
  const other = await registered(db)
  const wrong = {
    verifier: { code_verifier: 'a'.repeat(43) },
    redirect: { redirect_uri: 'http://127.0.0.1:4001/cb' },
    client: { client_id: other },
    resource: { resource: 'https://broker.test/mcp' },
    code: { code: 'wh_code_of-nobody' },
  }
  for (const [what, change] of Object.entries(wrong)) {
    const refused = await exchange(db, { ...form, ...change })
    expect([what, refused.ok]).toEqual([what, false])
    expect(await lastAppEvent(db)).toMatchObject({ event: 'app.refused', decision: 'deny' })
  }
  expect((await exchange(db, form, later(61_000))).ok).toBe(false)
  const tokens = await exchange(db, form)
  expect(tokens).toMatchObject({ ok: true, value: { scope: 'agents:read runs:read' } })
  if (!tokens.ok || person.kind !== 'person') return
  const actor = await who(db, tokens.value.accessToken)
  expect([actor?.id, [...(actor?.permissions ?? [])]]).toEqual([person.id, ['agents:read', 'runs:read']])
  expect(await who(db, tokens.value.accessToken, later(61 * 60_000))).toBeNull()
  expect(
    await authenticateAppToken(db, { token: tokens.value.accessToken, resource: 'https://broker.test/mcp', now }),
  ).toBeNull()
})

dbTest('a code that comes twice ends what it began; of two at once one gets tokens, and they end', async ({ db }) => {
  const { form, person } = await allowed(db)
  const outcomes = await Promise.all([exchange(db, form), exchange(db, form)])
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: { error: 'invalid_grant', rule: 'app:code_reused' } })
  const won = outcomes.find((outcome) => outcome.ok)
  expect(won?.ok && (await who(db, won.value.accessToken))).toBeNull()
  expect(await lastAppEvent(db)).toMatchObject({ event: 'app.disconnected', detail: { by: 'code_reuse' } })
  const [connection] = await listAppConnections(ctxFor(db, person, now))
  expect(connection).toMatchObject({ state: 'revoked' })
})

dbTest('a refresh token counts once; when it comes again, everything of the connection ends', async ({ db }) => {
  const first = await tokensOf(db)
  const second = await exchange(db, first.refresh)
  if (!second.ok) throw new Error(second.error.message)
  expect(await who(db, second.value.accessToken)).not.toBeNull()
  const reused = await exchange(db, first.refresh)
  expect(reused).toMatchObject({ ok: false, error: { error: 'invalid_grant', rule: 'app:token_reused' } })
  expect(await who(db, second.value.accessToken)).toBeNull()
  expect(await lastAppEvent(db)).toMatchObject({ event: 'app.disconnected', detail: { by: 'token_reuse' } })
  const newest = await exchange(db, { ...first.refresh, refresh_token: second.value.refreshToken })
  expect(newest).toMatchObject({ ok: false, error: { rule: 'app:grant_invalid' } })
})

dbTest('two refreshes at once with one token: one gets tokens, and the connection ends', async ({ db }) => {
  const { refresh, person } = await tokensOf(db)
  const outcomes = await Promise.all([exchange(db, refresh), exchange(db, refresh)])
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  expect(await listAppConnections(ctxFor(db, person, now))).toMatchObject([{ state: 'revoked' }])
})

dbTest('a refresh token lasts 30 days from its last use, the connection 180', async ({ db }) => {
  const day = 86_400_000
  const { refresh } = await tokensOf(db)
  expect((await exchange(db, refresh, later(31 * day))).ok).toBe(false)
  let token = refresh.refresh_token
  for (let days = 29; days < 180; days += 29) {
    const next = await exchange(db, { ...refresh, refresh_token: token }, later(days * day))
    if (!next.ok) throw new Error(`${days}: ${next.error.message}`)
    token = next.value.refreshToken
  }
  expect((await exchange(db, { ...refresh, refresh_token: token }, later(181 * day))).ok).toBe(false)
})

dbTest('a person who is deactivated or loses a role loses it in their apps at once', async ({ db }) => {
  const { accessToken, refresh, person } = await tokensOf(db)
  if (person.kind !== 'person') return
  await db.personRole.deleteMany({ where: { personId: person.id } })
  expect([...((await who(db, accessToken))?.permissions ?? ['gone'])]).toEqual([])
  await db.person.update({ where: { id: person.id }, data: { active: false } })
  expect(await who(db, accessToken)).toBeNull()
  expect(await exchange(db, refresh)).toMatchObject({ ok: false, error: { error: 'invalid_grant' } })
})

dbTest(
  'only the app itself, and only its person, ends a connection; demo people have none where there are none',
  async ({ db }) => {
    const { accessToken, person, clientId } = await tokensOf(db)
    const outside = ctxFor(db, anonymous, now)
    expect(await revokeAppToken(outside, { token: accessToken, clientId: 'app-other' })).toMatchObject({ ok: false })
    expect(await revokeAppToken(outside, { token: 'wh_app_unknown', clientId })).toEqual({
      ok: true,
      value: { revoked: false },
    })
    const [connection] = await listAppConnections(ctxFor(db, person, now))
    const stranger = ctxFor(db, await makePerson(db), now)
    await expect(endAppConnection(stranger, { connectionId: connection!.id })).rejects.toMatchObject({
      code: 'not_found',
    })
    const nobody = ctxFor(db, await makePerson(db, { roles: [] }), now)
    await expect(endAppConnection(nobody, { connectionId: connection!.id })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(listAppConnections(nobody)).rejects.toMatchObject({ code: 'forbidden' })
    if (person.kind !== 'person') return
    await db.person.update({ where: { id: person.id }, data: { demo: true } })
    expect(await authenticateAppToken(db, { token: accessToken, resource, now, demoPeople: false })).toBeNull()
    expect(await who(db, accessToken)).not.toBeNull()
    await endAppConnection(ctxFor(db, person, now), { connectionId: connection!.id })
    expect(await lastAppEvent(db)).toMatchObject({ event: 'app.disconnected', detail: { by: 'person' } })
    expect(await who(db, accessToken)).toBeNull()
  },
)

dbTest('a request that is not as it must be is refused before the person is asked, and on record', async ({ db }) => {
  const person = await makePerson(db)
  const clientId = await registered(db)
  const ask = async (changes: Record<string, string>) => {
    const refused = await reviewAuthorization(ctxFor(db, person, now), {
      server,
      params: paramsOf(clientId, changes).params,
    })
    const row = await lastAppEvent(db)
    return { refused, rule: row?.event === 'app.refused' ? row.rule : null }
  }
  const foreign = await ask({ redirect_uri: 'https://evil.test/cb' })
  expect(foreign).toMatchObject({
    refused: { ok: false, error: { backTo: null } },
    rule: 'app:redirect_not_registered',
  })
  expect(await ask({ client_id: 'app-nobody' })).toMatchObject({
    refused: { error: { backTo: null } },
    rule: 'app:client_unknown',
  })
  const plain = await ask({ code_challenge_method: 'plain', state: 'x' })
  expect(plain).toMatchObject({ refused: { ok: false }, rule: 'app:pkce_required' })
  const backTo = plain.refused.ok ? null : plain.refused.error.backTo
  expect(Object.fromEntries(new URL(backTo!).searchParams)).toMatchObject({
    error: 'invalid_request',
    state: 'x',
    iss: server.issuer,
  })
  expect(await ask({ resource: 'https://broker.test/mcp' })).toMatchObject({ rule: 'app:resource_not_served' })
  expect(await ask({ scope: 'stops:order' })).toMatchObject({ rule: 'app:scope_unknown' })
  const twice = { ...paramsOf(clientId).params, resource: [resource, resource] }
  expect(await reviewAuthorization(ctxFor(db, person, now), { server, params: twice })).toMatchObject({
    ok: false,
    error: { rule: 'app:request_invalid', message: expect.stringContaining('resource') as string },
  })
})

dbTest(
  'an app is allowed in a browser only, by who may have tokens, and never more than the person may',
  async ({ db }) => {
    const clientId = await registered(db)
    const { params } = paramsOf(clientId)
    const person = await makePerson(db)
    const withToken = { ...person, tokenId: crypto.randomUUID() }
    const input = { server, params, allow: true }
    await expect(decideAuthorization(ctxFor(db, withToken, now), input)).rejects.toMatchObject({ code: 'forbidden' })
    const nobody = await makePerson(db, { roles: [] })
    await expect(decideAuthorization(ctxFor(db, nobody, now), input)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(reviewAuthorization(ctxFor(db, nobody, now), input)).rejects.toMatchObject({ code: 'forbidden' })
    const little = { ...person, permissions: new Set(['tokens:own', 'runs:read'] as const) }
    expect(await reviewAuthorization(ctxFor(db, little, now), input)).toMatchObject({
      ok: true,
      value: { scopes: [{ permission: 'runs:read' }] },
    })
    const none = { ...person, permissions: new Set(['tokens:own'] as const) }
    expect(await reviewAuthorization(ctxFor(db, none, now), input)).toMatchObject({
      error: { rule: 'app:nothing_to_allow' },
    })
  },
)
