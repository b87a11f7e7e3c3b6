import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const client = await agentSession(db, world, { agent })
  const call = async (tool: string) => (await client.callTool({ name: tool, arguments: { word: 'x' } })) as Answer
  const view = () => world.broker.broker.keeper.view
  const ready = async () => {
    const response = await fetch(`${world.broker.url}/readyz`)
    return { status: response.status, body: (await response.json()) as unknown }
  }
  return { ...world, agent, client, call, view, ready }
})

type Answer = { isError?: boolean; content: { text?: string }[]; _meta?: Record<string, unknown> }

test('a set that is enforced counts in a session that is open, in its own words', async ({ db, world }) => {
  const { agent, client, call, view } = world
  expect((await call('look')).isError).toBeFalsy()
  const { version } = await enforcePolicies(db, [
    permitsGranted,
    forbids('policy_no_looking', 'resource.class == "read"'),
  ])
  await until(() => view().policies.version === version)
  const refused = await call('look')
  expect(refused.content[0]?.text).toContain('(Title of policy_no_looking)')
  expect(refused.content[0]?.text).toContain('Remedy of policy_no_looking.')
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_denied', rule: 'policy_no_looking' })
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['change'])
})

test('what did not change is not parsed anew', async ({ db, world }) => {
  const { view } = world
  const before = view().policies
  await db.policySet.updateMany({ where: { state: 'enforced' }, data: { state: 'enforced' } })
  await world.broker.broker.keeper.refresh()
  expect(view().policies).toBe(before)
})

test('a set that this release cannot read refuses every call and says so where readiness is asked, until another one is enforced', async ({
  db,
  world,
}) => {
  const { agent, call, view, ready } = world
  for (const policies of [
    ['forbid (principal'],
    [permitsGranted, forbids('policy_future', 'context.moonPhase == 3')],
  ]) {
    const { version } = await enforcePolicies(db, policies)
    await until(() => view().policies.version === version)
    expect((await call('look')).isError).toBe(true)
    expect(await lastEvent(db, agent.agentId)).toMatchObject({ rule: 'policy_error' })
    expect(await ready()).toMatchObject({ status: 503, body: { reasons: ['policy_error'] } })
  }
  const { version } = await enforcePolicies(db, [permitsGranted])
  await until(() => view().policies.version === version)
  expect((await call('look')).isError).toBeFalsy()
  expect(await ready()).toMatchObject({ status: 200 })
})

test('without a set in force nothing is permitted', async ({ db, world }) => {
  const { call, view } = world
  await db.policySet.updateMany({ where: { state: 'enforced' }, data: { state: 'superseded' } })
  await until(() => view().policies.problem !== null)
  expect((await call('look')).content[0]?.text).toContain('policy_error')
  const { version } = await enforcePolicies(db, [permitsGranted])
  await until(() => view().policies.version === version)
})

test('a person approved it while another set was in force: it is not released', async ({ db, world }) => {
  const { agent, call, view } = world
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const rule = { title: 'Changes wait', toolName: 'change', deciderRoles: ['security'], serverId: 'modern' }
  await createHoldRule(security, createHoldRuleInput.parse(rule))
  await until(() => view().holdRules.length === 1)
  const answer = call('change')
  const find = () => db.heldCall.findFirst({ where: { agentId: agent.agentId, state: 'waiting' } })
  await until(async () => (await find()) !== null)
  const { version } = await enforcePolicies(db, [
    permitsGranted,
    forbids('policy_else', 'resource.class == "destructive"'),
  ])
  await until(() => view().policies.version === version)
  await decideHeldCall(security, { heldCallId: (await find())!.id, decision: 'approve' })
  expect((await answer).content[0]?.text).toContain('held_call_altered')
  expect(world.upstreams.modern.calls.map(({ tool }) => tool)).not.toContain('change')
})
