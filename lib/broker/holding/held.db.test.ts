import { expect, vi } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { endHoldRule } from '#lib/dev/test/two-people.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall, endHeldCalls } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { type Call, decideIt, denialOf, holdTest as test, waitingCall, writer } from '../testing/hold-world.ts'

test('a held call waits with progress and goes on when a person approves; what no rule holds does not wait', async ({
  db,
  world,
}) => {
  const { agent, client, change } = await writer(db, world)
  expect((await client.callTool({ name: 'look', arguments: {} })).content).toBeDefined()
  const heard: { message?: string }[] = []
  const answer = change('approved', { onprogress: (progress: { message?: string }) => heard.push(progress) })
  const held = await waitingCall(db, agent)
  await until(() => heard.length > 0)
  expect(heard[0]?.message).toContain('It is decided by: Security.')
  expect(world.upstreams.modern.calls).not.toContainEqual({ tool: 'change', arguments: { word: 'approved' } })
  expect(await lastEvent(db, agent.agentId, 'call.held')).toMatchObject({ decision: 'hold', runId: agent.runId })
  expect(await decideIt(db, world, held.id, { decision: 'approve' })).toMatchObject({ ok: true })
  expect((await answer).content).toEqual([{ type: 'text', text: 'changed approved' }])
  const events = await db.auditEvent.findMany({ where: { agentId: agent.agentId }, orderBy: { seq: 'asc' } })
  const names = events.map(({ event }) => event).filter((event) => /^(call|mcp\.call)/.test(event))
  expect(names.slice(-5)).toEqual([
    'call.held',
    'call.approved',
    'call.settled',
    'mcp.call_intended',
    'mcp.call_allowed',
  ])
  const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
  expect(metrics).toContain('wheelhouse_broker_hold_seconds_count{end="release",server="modern",agent_class="medium"}')
  expect(metrics).toContain('latency_seconds_count{part="hold",server="modern",tool="change"')
  await client.close()
})

test('a rejected call is refused with the reason, an edited one is carried out as edited', async ({ db, world }) => {
  const { agent, client, change } = await writer(db, world, 'legacy')
  const heard: { message?: string }[] = []
  const rejected = change('rejected', { onprogress: (progress: { message?: string }) => heard.push(progress) })
  const waiting = await waitingCall(db, agent)
  await until(() => heard.length > 0)
  await decideIt(db, world, waiting.id, { decision: 'reject', note: 'Ask finance first.' })
  const refused = await rejected
  const { id: heldCall, ruleId: holdRule } = await db.heldCall.findFirstOrThrow({ where: { agentId: agent.agentId } })
  expect(denialOf(refused)).toMatchObject({ rule: 'call_rejected', facts: { heldCall, holdRule } })
  const denied = await db.auditEvent.findFirstOrThrow({
    where: { agentId: agent.agentId, event: 'mcp.call_denied', rule: 'call_rejected' },
  })
  expect(denied.detail).toMatchObject({ step: 'hold', facts: { heldCall, holdRule } })
  expect(refused.content[0]?.text).toContain('Ask finance first.')
  const edited = change('too much')
  const { id } = await waitingCall(db, agent)
  const wrong = await decideIt(db, world, id, { decision: 'edit', arguments: { word: 5 } })
  expect(wrong).toMatchObject({ ok: false, error: { rule: 'approvals:arguments_invalid' } })
  await decideIt(db, world, id, { decision: 'edit', arguments: { word: 'less' } })
  expect((await edited).content).toEqual([{ type: 'text', text: 'changed less' }])
  await client.close()
})

test('edited arguments are decided about anew: what the grant does not cover is refused', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const conditions = [{ pointer: '/word', prefix: 'ok' }]
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write', conditions })
  const client = await agentSession(db, world, { agent })
  await until(async () => (await client.listTools()).tools.length > 0)
  const answer = client.callTool({ name: 'change', arguments: { word: 'ok' } }) as Promise<Call>
  const { id } = await waitingCall(db, agent)
  await decideIt(db, world, id, { decision: 'edit', arguments: { word: 'other' } })
  expect(denialOf(await answer)).toMatchObject({ rule: 'grant_condition' })
  expect(world.upstreams.modern.calls).not.toContainEqual({ tool: 'change', arguments: { word: 'other' } })
  await client.close()
})

test('one approval releases one call: the same call at two brokers, two approvers at once', async ({ db, world }) => {
  const { agent, client } = await writer(db, world)
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'change', arguments: { word: 'once' } },
  })
  const send = async (broker: { url: string }) =>
    postCall({ broker }, { token: await sessionToken(db, broker.url, agent), body, serverId: 'modern' })
  const answers = [send(world.broker), send(world.second)]
  const held = await waitingCall(db, agent)
  await until(() => world.broker.broker.waitingCalls + world.second.broker.waitingCalls === 2)
  expect(await db.heldCall.count({ where: { agentId: agent.agentId } })).toBe(1)
  const other = await makePerson(db, { roles: ['security'] })
  const outcomes = await Promise.all(
    [world.security, other].map((person) =>
      decideHeldCall(ctxFor(db, person), { heldCallId: held.id, decision: 'approve' }),
    ),
  )
  expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1)
  const texts = (await Promise.all(answers)).map(({ text }) => text)
  expect(texts.filter((text) => text.includes('changed once'))).toHaveLength(1)
  expect(texts.filter((text) => text.includes('held_call_altered'))).toHaveLength(1)
  expect(
    world.upstreams.modern.calls.filter(({ arguments: given }) => (given as { word: string }).word === 'once'),
  ).toHaveLength(1)
  await client.close()
})

test('many calls that wait keep no connection each, and go on when they are decided', async ({ db, world }) => {
  const { agent, client } = await writer(db, world)
  const waiting = 40
  const answers = Array.from({ length: waiting }, async (_, at) => {
    const params = { name: 'change', arguments: { word: `many ${at}` } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const { broker } = world
    return postCall({ broker }, { token: await sessionToken(db, broker.url, agent), body, serverId: 'modern' })
  })
  await until(() => world.broker.broker.waitingCalls === waiting)
  const held = await db.heldCall.findMany({ where: { agentId: agent.agentId, state: 'waiting' } })
  expect(held).toHaveLength(waiting)
  // Of one process, over a second: nothing waits in the database, and nothing but one look at all of them is under way.
  for (let at = 0; at < 10; at += 1) {
    const [busy] = await db.$queryRaw<{ count: number }[]>`
      select count(*)::int as "count" from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()`
    expect(busy!.count).toBeLessThan(waiting / 4)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  for (const { id } of held) await decideIt(db, world, id, { decision: 'approve' })
  const texts = (await Promise.all(answers)).map(({ text }) => text)
  expect(texts.filter((text) => text.includes('changed many'))).toHaveLength(waiting)
  await client.close()
})

test('a caller that comes back after a restart goes on waiting for the same held call', async ({ db, world }) => {
  const { agent, client } = await writer(db, world)
  const third = await world.start()
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'change', arguments: { word: 'again' } },
  })
  const send = async (broker: { url: string }) =>
    postCall({ broker }, { token: await sessionToken(db, broker.url, agent), body, serverId: 'modern' })
  const first = send(third)
  const held = await waitingCall(db, agent)
  await third.stop()
  expect((await first).text).toContain(`The call stays held as ${held.id}`)
  await decideIt(db, world, held.id, { decision: 'approve' })
  expect((await send(world.second)).text).toContain('changed again')
  expect(await db.heldCall.count({ where: { agentId: agent.agentId } })).toBe(1)
  await client.close()
})

test('a call that waits is refused by its own rule as soon as its grant is revoked or its agent is stopped', async ({
  db,
  world,
}) => {
  const { agent, client, change } = await writer(db, world)
  const revoked = change('revoked')
  const first = await waitingCall(db, agent)
  await db.grant.updateMany({ where: { agentId: agent.agentId }, data: { revokedAt: new Date() } })
  expect(denialOf(await revoked)).toMatchObject({ rule: 'grant_missing' })
  expect(await db.heldCall.findUnique({ where: { id: first.id } })).toMatchObject({ state: 'cancelled' })
  await client.close()

  const stopped = await writer(db, world)
  const answer = stopped.change('stopped')
  await waitingCall(db, stopped.agent)
  const order = await db.stopOrder.create({
    data: {
      scope: 'agent',
      targetId: stopped.agent.agentId,
      orderedById: world.security.id,
      orderedByName: 'Ola',
      reason: 'drill',
    },
  })
  expect(denialOf(await answer)).toMatchObject({ rule: 'killed' })
  await db.stopOrder.update({ where: { id: order.id }, data: { releasedAt: new Date() } })
  await stopped.client.close()
})

test('an approval is not spent on a call that may not go yet: it is refused, and goes when it is sent again', async ({
  db,
  world,
}) => {
  const { agent, client, change } = await writer(db, world)
  const grants = { where: { agentId: agent.agentId } }
  await db.grant.updateMany({ ...grants, data: { rateCalls: 1, ratePer: 'hour' } })
  await world.broker.broker.keeper.refresh()
  const first = change('first')
  await decideIt(db, world, (await waitingCall(db, agent)).id, { decision: 'approve' })
  expect((await first).content).toEqual([{ type: 'text', text: 'changed first' }])
  const second = change('second')
  const { id } = await waitingCall(db, agent)
  await decideIt(db, world, id, { decision: 'approve' })
  const refused = await second
  expect(denialOf(refused)).toMatchObject({ rule: 'grant_rate' })
  expect(refused.content[0]?.text).toContain(`The approval of ${id} stays good until`)
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_denied', rule: 'grant_rate' })
  expect(await db.heldCall.findUnique({ where: { id } })).toMatchObject({ state: 'approved', settledAt: null })
  await db.grant.updateMany({ ...grants, data: { rateCalls: 5 } })
  await world.broker.broker.keeper.refresh()
  expect((await change('second')).content).toEqual([{ type: 'text', text: 'changed second' }])
  expect(await db.heldCall.count(grants)).toBe(2)
  // And it is spent: the same once more waits for a person again.
  const third = change('second')
  await decideIt(db, world, (await waitingCall(db, agent)).id, { decision: 'reject', note: 'Once is enough.' })
  expect(denialOf(await third)).toMatchObject({ rule: 'call_rejected' })
  await client.close()
})

test('when nobody decides in time a call is refused; only reading may be allowed by its rule', async ({
  db,
  world,
}) => {
  const security = ctxFor(db, world.security)
  const quick = { serverId: 'modern', deciderRoles: ['security'], decideSeconds: 10 }
  const input = createHoldRuleInput.parse({ ...quick, title: 'Looking waits', toolName: 'look', onTimeout: 'allow' })
  const { ruleId } = await createHoldRule(security, input)
  await until(() => world.broker.broker.keeper.view.holdRules.length === 3)
  const { agent, client, change } = await writer(db, world)
  const look = client.callTool({ name: 'look', arguments: { word: 'late' } }) as Promise<Call>
  const changed = change('late')
  await until(async () => (await db.heldCall.count({ where: { agentId: agent.agentId, state: 'waiting' } })) === 2)
  const after = (seconds: number) => ctxFor(db, undefined, new Date(Date.now() + seconds * 1000))
  await endHeldCalls(after(11))
  expect((await look).content).toEqual([{ type: 'text', text: 'looked at late' }])
  await endHeldCalls(after(901))
  const held = await db.heldCall.findFirstOrThrow({ where: { agentId: agent.agentId, tool: 'change' } })
  const facts = { heldCall: held.id, holdRule: held.ruleId }
  expect(denialOf(await changed)).toMatchObject({ rule: 'call_hold_expired', facts })
  await endHoldRule(security, { ruleId, reason: 'The test is over.' })
  await client.close()
})

test('after a gap too long for revocations to be known who waits must come back, and new calls are held as before', async ({
  db,
  world,
}) => {
  const { agent, client, change } = await writer(db, world)
  const before = change('before')
  await waitingCall(db, agent)
  const real = performance.now.bind(performance)
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => real() + 16 * 60_000)
  await world.broker.broker.keeper.refresh()
  clock.mockRestore()
  expect(denialOf(await before)).toMatchObject({ rule: 'draining' })
  const after = change('after')
  const find = () =>
    db.heldCall.findFirst({ where: { agentId: agent.agentId, arguments: { equals: { word: 'after' } } } })
  await until(async () => (await find()) !== null)
  await decideIt(db, world, (await find())!.id, { decision: 'approve' })
  expect((await after).content).toEqual([{ type: 'text', text: 'changed after' }])
  await client.close()
})
