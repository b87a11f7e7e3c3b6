import { expect, onTestFinished } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { endHoldRule } from '#lib/dev/test/two-people.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { heldMutations } from '#lib/dev/test/held-mutations.ts'
import { createHoldRule, decideHeldCall } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { type Call, decideIt, denialOf, holdTest as test, waitingCall, writer } from '../testing/hold-world.ts'

test('whatever column of a held call is changed after its approval, the broker refuses it', async ({ db, world }) => {
  const { agent, client } = await writer(db, world)
  const { agentId } = await makeAgent(db)
  const others = { agentId, serverId: 'legacy', personId: (await makePerson(db, { roles: ['security'] })).id }
  const rules = new Map([['id', 'hold_unavailable']])
  const send = async (word: string) => {
    const params = { name: 'change', arguments: { word } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const { broker } = world
    return postCall({ broker }, { token: await sessionToken(db, broker.url, agent), body, serverId: 'modern' })
  }
  const mutated = new Set<string>()
  for (let at = 0, more = true; more; at += 1) {
    const answer = send(`mutated ${at}`)
    const { id } = await waitingCall(db, agent)
    // All in one transaction, so that nobody sees the approval before the change.
    more = await inTx(ctxFor(db, world.security), async (tx, ctx) => {
      await decideHeldCall(ctx, { heldCallId: id, decision: 'approve' })
      // The first change of each column: every other one is of the command's own test.
      const all = heldMutations(await tx.heldCall.findUniqueOrThrow({ where: { id } }), others)
      const mutation = all.find(({ column }) => !mutated.has(column))
      if (!mutation) return false
      mutated.add(mutation.column)
      await tx.heldCall.update({ where: { id }, data: { [mutation.column]: mutation.value } })
      return true
    })
    const column = [...mutated].at(-1)!
    const { text } = await answer
    if (more)
      expect([column, text]).toEqual([column, expect.stringContaining(rules.get(column) ?? 'held_call_altered')])
    else expect(text).toContain('changed mutated')
  }
  expect(mutated.size).toBe(Object.keys(Prisma.HeldCallScalarFieldEnum).length)
  expect(JSON.stringify(world.upstreams.modern.calls).match(/mutated/g)).toHaveLength(1)
  await client.close()
})

test('what the registry refuses meanwhile ends the waiting by its own rule, and a removed rule spares nobody the decision', async ({
  db,
  world,
}) => {
  const ends = async (change: (agentId: string, runId: string) => Promise<unknown>) => {
    const { agent, client, change: call } = await writer(db, world)
    const answer = call('meanwhile')
    await waitingCall(db, agent)
    await change(agent.agentId, agent.runId)
    const rule = denialOf(await answer)?.['rule']
    expect(await db.heldCall.findFirst({ where: { agentId: agent.agentId } })).toMatchObject({ state: 'cancelled' })
    await client.close().catch(() => {})
    return rule
  }
  const suspend = (id: string) => db.agent.update({ where: { id }, data: { status: 'suspended' } })
  expect(await ends(suspend)).toBe('agent_not_active')
  expect(await ends((_, id) => db.run.update({ where: { id }, data: { state: 'succeeded' } }))).toBe('run_not_open')
  const server = (status: 'active' | 'disabled') => db.mcpServer.update({ where: { id: 'modern' }, data: { status } })
  expect(await ends(() => server('disabled'))).toBe('server_disabled')
  await server('active')
  const tool = { serverId_name: { serverId: 'modern', name: 'change' } }
  expect(await ends(() => db.mcpTool.update({ where: tool, data: { state: 'quarantined' } }))).toBe('tool_quarantined')
  await db.mcpTool.update({ where: tool, data: { state: 'approved' } })
  await until(() => world.broker.broker.keeper.view.servers.get('modern')?.tools.get('change')?.state === 'approved')

  // Another definition that may be called is another call, so the approval is not for it.
  const changed = await writer(db, world)
  const answer = changed.change('changed')
  const { id } = await waitingCall(db, changed.agent)
  const { approvedDefinition } = await db.mcpTool.findUniqueOrThrow({ where: tool })
  const other = { ...(approvedDefinition as object), description: 'changes everything' }
  await db.mcpTool.update({ where: tool, data: { approvedDefinition: other } })
  await world.broker.broker.keeper.refresh()
  await decideIt(db, world, id, { decision: 'approve' })
  expect(denialOf(await answer)).toMatchObject({ rule: 'held_call_altered' })
  await db.mcpTool.update({ where: tool, data: { approvedDefinition: approvedDefinition as object } })

  // So are other policies, whatever they say about it.
  await world.broker.broker.keeper.refresh()
  const judged = changed.change('judged')
  const before = await waitingCall(db, changed.agent)
  const { view } = world.broker.broker.keeper
  const { policies } = view
  Object.assign(view, { policies: Object.create(policies, { version: { value: 'another' } }) })
  await decideIt(db, world, before.id, { decision: 'approve' })
  expect(denialOf(await judged)).toMatchObject({ rule: 'held_call_altered' })
  Object.assign(view, { policies })

  const security = ctxFor(db, world.security)
  const input = { title: 'Looking waits', serverId: 'modern', toolName: 'look', deciderRoles: ['security'] }
  const { ruleId } = await createHoldRule(security, createHoldRuleInput.parse(input))
  await until(() => world.broker.broker.keeper.view.holdRules.some((rule) => rule.id === ruleId))
  const look = changed.client.callTool({ name: 'look', arguments: { word: 'removed' } }) as Promise<Call>
  const held = await waitingCall(db, changed.agent)
  await endHoldRule(security, { ruleId, reason: 'The test is over.' })
  await until(() => !world.broker.broker.keeper.view.holdRules.some((rule) => rule.id === ruleId))
  expect(await db.heldCall.findUnique({ where: { id: held.id } })).toMatchObject({ state: 'waiting' })
  await decideIt(db, world, held.id, { decision: 'reject', note: 'Not that one.' })
  expect(denialOf(await look)).toMatchObject({ rule: 'call_rejected' })
  await changed.client.close()
})

test('an approval is for where the server was when its call was held: once it has moved, nothing is sent', async ({
  db,
  world,
}) => {
  const { agent, client, change } = await writer(db, world)
  const where = { id: 'modern' }
  const { url } = await db.mcpServer.findUniqueOrThrow({ where })
  const moveTo = async (to: string) => {
    await db.mcpServer.update({ where, data: { url: to } })
    await until(() => world.broker.broker.keeper.view.servers.get('modern')?.url === to)
  }
  onTestFinished(() => moveTo(url))
  const answer = change('elsewhere')
  const { id } = await waitingCall(db, agent)
  // Another address, at which the same server answers.
  await moveTo(`${url}#moved`)
  await decideIt(db, world, id, { decision: 'approve' })
  expect(denialOf(await answer)).toMatchObject({ rule: 'held_call_altered' })
  const sent = () => JSON.stringify(world.upstreams.modern.calls).split('elsewhere').length - 1
  expect(sent()).toBe(0)
  await moveTo(url)
  const again = change('elsewhere')
  const held = await waitingCall(db, agent)
  expect(held.id).not.toBe(id)
  await decideIt(db, world, held.id, { decision: 'approve' })
  expect(JSON.stringify((await again).content)).toContain('changed elsewhere')
  expect(sent()).toBe(1)
  await client.close()
})
