import { expect } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall, endHoldBypass, openHoldBypass } from '#lib/guardrails/commands.ts'
import { listHoldBypasses } from '#lib/guardrails/queries/hold-bypasses.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { openHoldBypassInput } from '#lib/guardrails/schema/hold-bypasses.ts'
import { startBroker } from '../testing/start-broker.ts'
import { decideIt, waitingCall } from '../testing/hold-world.ts'

dbTest(
  'a bypass lets through what its rule would hold and nothing else, says so in the record, and ends to the second',
  async ({ db, databaseUrl, onTestFinished }) => {
    let clock = () => new Date()
    const world = await brokerWorld({
      db,
      databaseUrl,
      startBroker: (options) => startBroker({ ...options, now: () => clock() }),
    })
    onTestFinished(() => world.stop())
    const { keeper } = world.broker.broker
    const security = await makePerson(db, { roles: ['security'] })
    const held = { deciderRoles: ['security'], class: 'write' }
    const ruleFor = (more: object) =>
      createHoldRule(ctxFor(db, security), createHoldRuleInput.parse({ ...held, ...more }))
    const { ruleId } = await ruleFor({ title: 'Changes wait' })
    const run = { requestedById: (await makePerson(db)).id }
    const { agentId, ...rest } = await makeAgent(db, { run })
    const own = await makeAgent(db, { run })
    for (const id of [agentId, own.agentId]) {
      await makeGrant(db, { agentId: id, serverId: 'modern', class: 'destructive', via: 'break_glass' })
    }
    await keeper.refresh()
    const call = async (agent: typeof own, word: string, tool = 'change') => {
      const params = { name: tool, arguments: { word } }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
      const token = await sessionToken(db, world.broker.url, agent)
      return (await postCall(world, { token, body, serverId: 'modern' })).text
    }
    const rejects = async (agent: typeof own, word: string, tool?: string) => {
      const answer = call(agent, word, tool)
      const { id } = await waitingCall(db, agent)
      const outcome = await decideIt(db, { broker: world.broker, security }, id, {
        decision: 'reject',
        note: 'Not now.',
      })
      expect(outcome).toMatchObject({ ok: true })
      return (await answer).includes('call_rejected')
    }
    const agent = { agentId, ...rest }
    expect(await rejects(agent, 'before')).toBe(true)

    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'], teamIds: [own.teamId] }))
    const reason = 'The queue must be empty before the auditors come.'
    const opened = await openHoldBypass(onCall, openHoldBypassInput.parse({ ruleId, reason, minutes: 5 }))
    if (!opened.ok) throw new Error('It was not opened.')
    const { bypassId, expiresAt } = opened.value
    await until(() => keeper.view.holdRules.some(({ bypasses }) => (bypasses ?? []).length === 1))
    expect(await call(agent, 'bypassed')).toContain('changed bypassed')
    for (const event of ['mcp.call_intended', 'mcp.call_allowed']) {
      const row = await lastEvent(db, agentId, event)
      expect(row?.detail).toMatchObject({ bypassed: { rule: ruleId, bypass: bypassId } })
    }
    expect(await listHoldBypasses(onCall)).toMatchObject([{ id: bypassId, calls: 1 }])
    // Not for agents of the opener's team, though the rule is the same.
    expect(await rejects(own, 'of the own team')).toBe(true)
    // Nor what destroys on production.
    expect(await call(agent, 'staging', 'wipe')).toContain('wiped staging')
    await db.mcpServer.update({ where: { id: 'modern' }, data: { environment: 'production' } })
    await keeper.refresh()
    expect(await rejects(agent, 'production', 'wipe')).toBe(true)
    // Another rule holds as before.
    const other = await ruleFor({ title: 'Changes of words wait', serverId: 'modern', toolName: 'change' })
    await until(() => keeper.view.holdRules.length === 2)
    expect(await rejects(agent, 'by another rule')).toBe(true)
    await db.holdRule.update({ where: { id: other.ruleId }, data: { removedAt: new Date() } })
    await until(() => keeper.view.holdRules.length === 1)

    const end = new Date(expiresAt).getTime()
    clock = () => new Date(end - 1)
    expect(await call(agent, 'the last one')).toContain('changed the last one')
    clock = () => new Date(end)
    const late = call(agent, 'too late')
    const { id } = await waitingCall(db, agent)
    clock = () => new Date()
    await decideHeldCall(ctxFor(db, security), { heldCallId: id, decision: 'reject', note: 'It is over.' })
    expect(await late).toContain('call_rejected')
    // And in one click before that.
    await endHoldBypass(onCall, { bypassId })
    await until(() => keeper.view.holdRules.every(({ bypasses }) => (bypasses ?? []).length === 0))
    expect(await rejects(agent, 'ended')).toBe(true)
  },
)
