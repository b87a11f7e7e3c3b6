import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall, holdCall, openHoldBypass } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { openHoldBypassInput } from '#lib/guardrails/schema/hold-bypasses.ts'
import { waitingCall } from '../testing/hold-world.ts'
import { startBroker } from '../testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(() => world.stop())
  const security = await makePerson(db, { roles: ['security'] })
  const onCall = await makePerson(db, { roles: ['on_call'] })
  const { keeper } = world.broker.broker
  const rule = async (prefix: string, deciderRoles: string[]) => {
    const rules = keeper.view.holdRules.length
    const of = { title: `The ${prefix} ones`, serverId: 'modern', toolName: 'change', deciderRoles }
    const conditions = [{ pointer: '/word', prefix }]
    await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse({ ...of, conditions }))
    await until(() => keeper.view.holdRules.length === rules + 1)
  }
  await rule('small', ['on_call'])
  await rule('big', ['security'])
  await rule('tiny', ['on_call', 'security'])
  return { ...world, security, onCall, rule }
})

/** An agent that sends a change, once more if its caller comes back. */
async function sender(db: Db, world: Parameters<typeof postCall>[0], word: string) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const params = { name: 'change', arguments: { word } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const token = await sessionToken(db, world.broker.url, agent)
  const send = (signal?: AbortSignal) =>
    postCall(world, { token, body, serverId: 'modern', ...(signal ? { signal } : {}) })
  return { agent, send }
}

test('an edit does not take a call past a rule by which somebody else decides', async ({ db, world }) => {
  const { agent, send } = await sender(db, world, 'small 1')
  const answer = send()
  const { id: heldCallId } = await waitingCall(db, agent)
  const decide = (word: string) =>
    decideHeldCall(ctxFor(db, world.onCall), { heldCallId, decision: 'edit', arguments: { word } })
  const refused = await decide('big 1')
  expect(refused).toMatchObject({ ok: false, error: { rule: 'approvals:other_rule' } })
  expect(!refused.ok && refused.error.message).toContain('The big ones')
  expect(await lastEvent(db, agent.agentId)).toMatchObject({
    event: 'call.decision_refused',
    rule: 'approvals:other_rule',
  })
  // By this one on-call decides, too.
  expect(await decide('tiny 1')).toMatchObject({ ok: true })
  expect((await answer).text).toContain('changed tiny 1')
})

test('nor past one that was made between the edit and the call', async ({ db, world }) => {
  const { agent, send } = await sender(db, world, 'small 2')
  const leave = new AbortController()
  const left = send(leave.signal).catch(() => null)
  const { id: heldCallId } = await waitingCall(db, agent)
  leave.abort()
  await left
  await until(() => world.broker.broker.waitingCalls === 0)
  const edit = { heldCallId, decision: 'edit', arguments: { word: 'huge 2' } } as const
  expect(await decideHeldCall(ctxFor(db, world.onCall), edit)).toMatchObject({ ok: true })
  await world.rule('huge', ['security'])
  const { text } = await send()
  expect(text).toContain('held_call_altered')
  expect(text).toContain('The huge ones')
  expect(world.upstreams.modern.calls).not.toContainEqual({ tool: 'change', arguments: { word: 'huge 2' } })
})

test('nor past one that is bypassed, when it is not known whom its client acts for', async ({ db, world }) => {
  const { agent } = await sender(db, world, 'small 3')
  const { id: ruleId } = await db.holdRule.findFirstOrThrow({ where: { title: 'The big ones' } })
  const bypass = openHoldBypassInput.parse({ ruleId, agentId: agent.agentId, reason: 'The queue must be empty.' })
  expect(await openHoldBypass(ctxFor(db, world.security), bypass)).toMatchObject({ ok: true })
  const { id: issuedById } = await makePerson(db)
  const clientId = `agent-${crypto.randomUUID()}`
  await db.agentCredential.create({ data: { agentId: agent.agentId, clientId, issuedById } })
  const editOf = async (drivenBy: { personId: null } | null) => {
    const call = exactCall({ agentId: agent.agentId, serverId: 'modern' })
    const rule = { id: null, title: 'The small ones', deciderRoles: ['on_call'], excludedDeciders: [] }
    const { heldCallId } = await holdCall(ctxFor(db), {
      source: 'broker',
      call: { ...call, arguments: { word: `small 3 ${drivenBy ? 'driven' : ''}` } },
      class: 'write',
      credential: clientId,
      drivenBy,
      rule: { ...rule, decideSeconds: 60, onTimeout: 'deny' },
    })
    const edit = { heldCallId, decision: 'edit', arguments: { word: 'big 3' } } as const
    return await decideHeldCall(ctxFor(db, world.onCall), edit)
  }
  expect(await editOf({ personId: null })).toMatchObject({ error: { rule: 'approvals:other_rule' } })
  expect(await editOf(null)).toMatchObject({ ok: true })
})
