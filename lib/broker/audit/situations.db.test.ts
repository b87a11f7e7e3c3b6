import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { auditRow } from '#lib/audit/commands.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { loadPolicySet } from '#lib/guardrails/queries.ts'
import type { Judged } from '#lib/guardrails/rules/situation.ts'
import { createLog } from '#lib/log/log.ts'
import { standardLimits } from '../limits.ts'
import { startBroker } from '../testing/start-broker.ts'
import { GroupCommit } from './group-commit.ts'
import { judgedDetail, naming } from './situations.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  return world
})

test('a call names what the policies were asked, and a refusal of theirs too; what they were not asked about names nothing', async ({
  db,
  world,
}) => {
  await db.mcpServer.update({ where: { id: 'modern' }, data: { environment: 'production' } })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'destructive' })
  const client = await agentSession(db, world, { agent })
  for (let calls = 0; calls < 3; calls += 1) await client.callTool({ name: 'look', arguments: {} })
  await client.callTool({ name: 'wipe', arguments: { word: 'all' } })
  await client.callTool({ name: 'nothing', arguments: {} }).catch(() => {})
  const rows = await db.auditEvent.findMany({
    where: { agentId: agent.agentId, event: { in: ['mcp.call_allowed', 'mcp.call_denied'] } },
    orderBy: { seq: 'asc' },
  })
  const named = rows.map(({ detail }) => (detail as { situation?: string }).situation)
  expect(rows.map(({ rule }) => rule)).toEqual([null, null, null, 'policy_destructive_on_production', 'tool_unknown'])
  expect(new Set(named.slice(0, 3)).size).toBe(1)
  expect(named[4]).toBeUndefined()
  const { version } = await loadPolicySet()
  expect(rows[0]!.detail).toMatchObject({ policyVersion: version })
  expect(rows[3]!.detail).toMatchObject({ policyVersion: version })
  const stored = await db.policySituation.findMany({
    where: { digest: { in: named.filter((each) => !!each) as string[] } },
  })
  const tools = new Map(stored.map(({ digest, facts }) => [digest, facts]))
  expect(tools.get(named[0]!)).toMatchObject({
    agent: { id: agent.agentId },
    server: { id: 'modern', environment: 'production' },
    tool: { name: 'look', class: 'read', isMethod: false },
    grants: [{ class: 'destructive', toolName: null }],
  })
  expect(tools.get(named[3]!)).toMatchObject({ tool: { name: 'wipe', class: 'destructive' } })
  await client.close()
})

test('brokers that record the same situations at once all succeed, and each situation is there once', async ({
  db,
  databaseUrl,
}) => {
  const before = await db.policySituation.count()
  const judged = Array.from({ length: 40 }, () => judgedAbout(randomUUID()))
  const brokers = await Promise.all([0, 1, 2].map(() => started(databaseUrl)))
  // Each in another order.
  const orders = [judged, judged.toReversed(), judged.toSorted(() => Math.random() - 0.5)]
  await Promise.all(
    brokers.flatMap((audit, at) => orders[at]!.map((each) => audit.append(rowNaming(each), { happened: false }))),
  )
  expect(await db.policySituation.count()).toBe(before + judged.length)
  expect(await danglingNames(db)).toBe(0n)
  await Promise.all(brokers.map((audit) => audit.stop()))
})

test('a row whose situation cannot be stored is refused, and others are not', async ({ db, databaseUrl }) => {
  const audit = await started(databaseUrl)
  const append = (row: Record<string, unknown>) =>
    audit.append(row, { happened: false }).then(
      () => 'recorded',
      () => 'refused',
    )
  const [good, bad] = [judgedAbout(randomUUID()), judgedAbout('not \0 text')]
  expect(await Promise.all([append(rowNaming(good)), append(rowNaming(bad)), append(rowNaming(good))])).toEqual([
    'recorded',
    'refused',
    'recorded',
  ])
  expect(await danglingNames(db)).toBe(0n)
  await audit.stop()
})

test('the instant of a decision is recorded when it was in another hour than the end of the call', () => {
  const at = new Date('2026-11-22T09:59:59.900Z')
  const judged = { ...judgedAbout('x'), at }
  expect(judgedDetail(judged, new Date('2026-11-22T09:59:59.999Z'))).not.toHaveProperty('decidedAt')
  expect(judgedDetail(judged, new Date('2026-11-22T10:00:00Z'))).toMatchObject({ decidedAt: at.toISOString() })
})

test('situations are never changed and never removed', async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
  const client = await agentSession(db, world, { agent })
  await client.callTool({ name: 'look', arguments: {} })
  const { detail } = (await lastEvent(db, agent.agentId, 'mcp.call_allowed'))!
  const where = { digest: (detail as { situation: string }).situation }
  await expect(db.policySituation.update({ where, data: { facts: {} } })).rejects.toThrow(/append-only/)
  await expect(db.policySituation.delete({ where })).rejects.toThrow(/append-only/)
  await client.close()
})

async function started(databaseUrl: string): Promise<GroupCommit> {
  const log = createLog({ process: 'broker', level: 'silent' })
  const audit = new GroupCommit({ databaseUrl, log, limits: standardLimits })
  await audit.start()
  return audit
}

async function danglingNames(db: Db): Promise<bigint> {
  const [row] = await db.$queryRaw<{ count: bigint }[]>`
    select count(*) from "AuditEvent" e where e."detail" ? 'situation'
      and not exists (select 1 from "PolicySituation" s where s."digest" = e."detail"->>'situation')`
  return row!.count
}

function rowNaming(judged: Judged): Record<string, unknown> {
  const now = new Date()
  const subject = { kind: 'tool', id: 'erp/get_order', name: 'get_order' }
  const detail = { argumentsDigest: '', class: 'read', outcome: 'ok', ms: 1, ...judgedDetail(judged, now) } as const
  const row = auditRow({ actor: systemActor('broker'), now }, { event: 'mcp.call_allowed', subject, detail })
  return naming(row, judged)
}

function judgedAbout(agentId: string): Judged {
  return {
    version: 'v1',
    at: new Date(),
    question: {
      agent: { id: agentId, teamId: 'finance', tier: 'low' },
      server: { id: 'erp', environment: 'staging', sensitivity: 'internal', demo: true },
      tool: { serverId: 'erp', name: 'get_order', class: 'read' },
      grants: [{ id: 'g', serverId: 'erp', class: 'read', toolName: null, via: 'request', expiresAt: null }],
      simulated: false,
      breakGlass: false,
      session: null,
      clock: { hour: 12, weekday: 3 },
    },
  }
}
