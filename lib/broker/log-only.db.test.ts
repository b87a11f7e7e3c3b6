import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import {
  draftPolicySet,
  enforcePolicySet,
  rollBackPolicySet,
  confirmTrialTerms,
  setTrialTerms,
  startLogOnly,
} from '#lib/guardrails/commands.ts'
import { listLogOnlyCalls, trialReports } from '#lib/guardrails/queries.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  // What it is now, the policies of the release refuse.
  await db.mcpServer.update({ where: { id: 'modern' }, data: { environment: 'production' } })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'destructive' })
  const client = await agentSession(db, world, { agent })
  const call = async (tool: string) =>
    (await client.callTool({ name: tool, arguments: { word: 'x' } })) as { isError?: boolean }
  const view = () => world.broker.broker.keeper.view
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  return { ...world, agent, call, view, security, admin }
})

test('a set in log-only decides nothing, and its report says what it would have decided otherwise; enforced, it decides so', async ({
  db,
  world,
}) => {
  const { agent, call, view, security, admin } = world
  const text = `${permitsGranted}\n${forbids('policy_no_changes', 'resource.class == "write"')}`
  const drafted = await draftPolicySet(security, { text, note: 'Nothing is changed.' })
  if (!drafted.ok) throw new Error(drafted.error.message)
  const { number, version } = drafted.value
  await startLogOnly(security, { number })
  await until(() => view().candidate?.version === version)

  expect((await call('look')).isError).toBeFalsy()
  expect((await lastEvent(db, agent.agentId))!.detail).not.toHaveProperty('candidate')
  for (let times = 0; times < 2; times += 1) expect((await call('change')).isError).toBeFalsy()
  const changed = await lastEvent(db, agent.agentId)
  expect(changed).toMatchObject({
    event: 'mcp.call_allowed',
    detail: { candidate: { version, rule: 'policy_no_changes' } },
  })
  expect((await call('wipe')).isError).toBe(true)
  const wiped = await lastEvent(db, agent.agentId)
  expect(wiped).toMatchObject({
    rule: 'policy_destructive_on_production',
    detail: { candidate: { version, rule: null } },
  })

  const { logOnly: report, replay } = await trialReports({ ...security, now: new Date() }, number)
  expect(replay).toBeNull()
  expect(report).toMatchObject({
    by: 'log_only',
    running: true,
    calls: 4,
    judged: 4,
    blocked: { calls: 2, agents: 1 },
    permitted: { calls: 1, agents: 1 },
  })
  expect(report!.says[0]).toBe('Would have blocked 2 of 4 calls, by 1 agent.')
  expect(report!.rows).toMatchObject([
    {
      kind: 'blocked',
      agentId: agent.agentId,
      rule: 'policy_no_changes',
      refusedBy: null,
      tool: 'change',
      calls: 2,
      lastDecision: changed!.id,
    },
    {
      kind: 'permitted',
      refusedBy: 'policy_destructive_on_production',
      tool: 'wipe',
      calls: 1,
      lastDecision: wiped!.id,
    },
  ])

  // Each of them can be opened, as those of a replay can.
  const listed = async (kind: 'blocked' | 'permitted') =>
    (await listLogOnlyCalls(security, { number, kind, agent: agent.agentId })).items
  expect(await listed('blocked')).toMatchObject([
    { id: changed!.id, tool: 'change', decision: 'allow', rule: 'policy_no_changes' },
    { tool: 'change' },
  ])
  expect(await listed('permitted')).toMatchObject([
    { id: wiped!.id, decision: 'deny', rule: 'policy_destructive_on_production' },
  ])

  const early = await enforcePolicySet({ ...admin, now: new Date() }, { number, version, replaces: 1 })
  expect(early).toMatchObject({ ok: false, error: { rule: 'policies:without_replay' } })
  // It allows what the one in force refuses, so lower terms do not help it.
  const third = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  await setTrialTerms(admin, { logOnlyMinutes: 0, logOnlyCalls: 4 })
  expect(await confirmTrialTerms(third, { logOnlyMinutes: 0, logOnlyCalls: 4 })).toMatchObject({ ok: true })
  const still = await enforcePolicySet({ ...admin, now: new Date() }, { number, version, replaces: 1 })
  expect(still).toMatchObject({ ok: false, error: { rule: 'policies:without_replay' } })
  const withoutReplay = 'What it would have decided otherwise was looked at call by call.'
  const enforced = await enforcePolicySet(
    { ...admin, now: new Date() },
    { number, version, replaces: 1, withoutReplay },
  )
  expect(enforced).toMatchObject({ ok: true })
  await until(() => view().policies.version === version && view().candidate === null)
  expect((await call('change')).isError).toBe(true)
  expect((await call('wipe')).isError).toBeFalsy()
  await rollBackPolicySet(security, { number: 1, replaces: number, reason: 'It was only a test of it.' })
  await until(() => view().policies.version !== version)
  expect((await call('change')).isError).toBeFalsy()
})

test('who may not read the audit log reads no report', async ({ db, world }) => {
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  await expect(trialReports(builder, 1)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(listLogOnlyCalls(builder, { number: 1 })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(listLogOnlyCalls(world.security, { number: 999 })).rejects.toMatchObject({ code: 'not_found' })
  expect(await trialReports(world.security, 1)).toMatchObject({ replay: null, logOnly: null })
  await expect(trialReports(world.security, 999)).rejects.toMatchObject({ code: 'not_found' })
})

test('a set in log-only that a broker cannot read agrees with nothing: its report says of how many calls nothing is known', async ({
  db,
  world,
}) => {
  const { agent, call, view, security } = world
  const who = { createdByName: 'Test', changedByName: 'Test', origin: 'person', schemaText: '', words: [], note: 'T.' }
  const logOnlyAt = new Date()
  await db.policySet.create({
    data: { number: 900, state: 'log_only', version: 'unreadable', policies: ['permit (nonsense'], logOnlyAt, ...who },
  })
  await until(() => view().candidate?.version === 'unreadable')
  expect((await call('look')).isError).toBeFalsy()
  expect(await lastEvent(db, agent.agentId)).toMatchObject({
    detail: { candidate: { version: 'unreadable', rule: null, unread: true } },
  })
  const { logOnly: report } = await trialReports({ ...security, now: new Date() }, 900)
  const none = { calls: 0, agents: 0 }
  expect(report).toMatchObject({ calls: 1, judged: 0, blocked: none, permitted: none, rows: [] })
})
