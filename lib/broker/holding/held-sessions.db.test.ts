import { expect } from 'vitest'
import { createTokenIssuer, issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, portalUrl, secretBox } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { askForToken, systemCtx } from '#lib/dev/test/tokens.ts'
import { decideIt, holdTest as test, waitingCall } from '../testing/hold-world.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'

// An agent that calls outside of runs, with a credential of its own: what of a held call is bound to the session it came from.

type Broker = { url: string }

async function credentialed(db: Db, world: { broker: Broker }) {
  const { agentId } = await makeAgent(db)
  await makeGrant(db, { agentId, serverId: 'modern', class: 'write' })
  const issuer = createTokenIssuer({ url: portalUrl, brokerUrl: world.broker.url, secretBox })
  const credential = async (ctx = systemCtx(db)) => {
    const { clientId, clientSecret } = await issueAgentCredential(ctx, { agentId })
    return { client_id: clientId, client_secret: clientSecret! }
  }
  /** With a token of its own, as after a renewal. */
  const at = async (broker: Broker, form: Record<string, string>) => {
    const issued = await askForToken(systemCtx(db), { ...issuer, audience: `${broker.url}/mcp` }, { form })
    if (!issued.ok) throw new Error(issued.error.message)
    return new RawAgent(`${broker.url}/mcp/modern`, issued.value.token)
  }
  const held = () => db.heldCall.findMany({ where: { agentId }, orderBy: { id: 'asc' } })
  return { agent: { agentId, teamId: '', runId: '' }, credential, at, held }
}

const change = (word: string) => ({
  body: { id: 3, method: 'tools/call', params: { name: 'change', arguments: { word } } },
})
const textOf = ({ last }: { last: RawMessage }) => JSON.stringify(last)

test('an approval releases the call in the session it came from, at any replica and after a restart, and in no other session of the agent', async ({
  db,
  world,
}) => {
  const { agent, credential, at, held } = await credentialed(db, world)
  const form = await credential()
  const third = await world.start()
  const here = await at(third, form)
  const there = await at(world.second, form)
  const session = await here.begin()
  const other = await there.begin()
  const first = here.ask({ ...change('once'), headers: session })
  const mine = await waitingCall(db, agent)
  expect(mine.session).toMatch(/^[0-9a-f]{64}$/)
  // The name of a session opens it: nothing of it is kept.
  expect(JSON.stringify(await held())).not.toContain(session['mcp-session-id'])
  const second = there.ask({ ...change('once'), headers: other })
  await until(async () => (await held()).length === 2)
  await third.stop()
  expect(textOf(await first)).toContain(`The call stays held as ${mine.id}`)
  await decideIt(db, world, mine.id, { decision: 'approve' })
  const [, theirs] = await held()
  // The session went on at another replica, with a renewed token.
  const moved = await (await at(world.second, form)).ask({ ...change('once'), headers: session })
  expect(textOf(moved)).toContain('changed once')
  expect(await db.heldCall.findUnique({ where: { id: theirs!.id } })).toMatchObject({ state: 'waiting' })
  await decideIt(db, world, theirs!.id, { decision: 'reject', note: 'Once is enough.' })
  expect(textOf(await second)).toContain('Once is enough.')
  const calls = world.upstreams.modern.calls.filter((call) => JSON.stringify(call).includes('"once"'))
  expect(calls).toHaveLength(1)
})

test('the approval that nobody fetched is not there for the next session', async ({ db, world }) => {
  const { agent, credential, at, held } = await credentialed(db, world)
  const here = await at(world.broker, await credential())
  const leaving = new AbortController()
  const left = here.ask({ ...change('left'), headers: await here.begin(), signal: leaving.signal }).catch(() => null)
  const { id } = await waitingCall(db, agent)
  leaving.abort()
  await left
  await until(() => world.broker.broker.waitingCalls === 0)
  await decideIt(db, world, id, { decision: 'approve' })
  const next = here.ask({ ...change('left'), headers: await here.begin() })
  const asked = await waitingCall(db, agent)
  expect(asked.id).not.toBe(id)
  await decideIt(db, world, asked.id, { decision: 'reject', note: 'Not in this one.' })
  expect(textOf(await next)).toContain('Not in this one.')
  expect((await held()).map(({ state, settledAt }) => [state, settledAt !== null])).toEqual([
    ['approved', false],
    ['rejected', true],
  ])
})

test('where there are no sessions the credential stands in for one, and stays through renewed tokens', async ({
  db,
  world,
}) => {
  const { agent, credential, at, held } = await credentialed(db, world)
  const form = await credential()
  const send = async (broker: Broker, by: Record<string, string>) => {
    const sent = modernCall('change', { more: { arguments: { word: 'stateless' } } })
    return (await at(broker, by)).ask(sent)
  }
  const answers = [send(world.broker, form), send(world.second, form)]
  const { id } = await waitingCall(db, agent)
  await until(() => world.broker.broker.waitingCalls + world.second.broker.waitingCalls === 2)
  expect(await held()).toHaveLength(1)
  const issuer = await makePerson(db, { roles: ['platform_admin'] })
  const foreign = send(world.broker, await credential(ctxFor(db, issuer)))
  await until(async () => (await held()).length === 2)
  await decideIt(db, world, id, { decision: 'approve' })
  const texts = (await Promise.all(answers)).map(textOf)
  expect(texts.filter((text) => text.includes('changed stateless'))).toHaveLength(1)
  const [, theirs] = await held()
  // Who issued it is behind what comes with it.
  expect(theirs).toMatchObject({ state: 'waiting', startedById: issuer.id })
  await decideIt(db, world, theirs!.id, { decision: 'reject', note: 'Another credential.' })
  expect(textOf(await foreign)).toContain('Another credential.')
})
