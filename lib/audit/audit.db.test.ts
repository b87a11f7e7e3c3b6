import { expect } from 'vitest'
import { type Ctx, inTx, systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { recordAudit } from './commands.ts'
import { agentTimeline, lastFailedCalls, listAuditEvents } from './queries.ts'
import type { CallOutcome } from './call-details.ts'
import { eventsSql, failedCallsSql } from './queries/found-events.ts'
import { auditOutcomes, auditQuery, timelineQuery } from './schema.ts'

function ctxFor(db: Db): Ctx {
  return { db, actor: systemActor('test'), now: new Date('2026-11-22T10:00:00Z') }
}

function record(ctx: Ctx, name: string): Promise<void> {
  return inTx(ctx, async (tx, inside) => {
    recordAudit(tx, inside, {
      event: 'team.created',
      subject: { kind: 'team', id: name, name },
      detail: { costCenter: null },
    })
  })
}

dbTest('concurrent writers get one contiguous sequence without a gap', async ({ db }) => {
  const ctx = ctxFor(db)
  await Promise.all(Array.from({ length: 40 }, (_, index) => record(ctx, `team-${index}`)))
  const rows = await db.auditEvent.findMany({ orderBy: { seq: 'asc' }, select: { seq: true } })
  expect(rows.map((row) => Number(row.seq))).toEqual(Array.from({ length: rows.length }, (_, index) => index + 1))
})

dbTest('a change that is undone leaves no event and no gap', async ({ db }) => {
  const ctx = ctxFor(db)
  const before = await db.auditHead.findFirstOrThrow()
  const undone = inTx(ctx, async (tx, inside) => {
    recordAudit(tx, inside, {
      event: 'team.created',
      subject: { kind: 'team', id: 'x', name: 'x' },
      detail: { costCenter: null },
    })
    throw new Error('undo')
  })
  await expect(undone).rejects.toThrow('undo')
  await record(ctx, 'next')
  expect((await db.auditHead.findFirstOrThrow()).seq).toBe(before.seq + 1n)
})

dbTest.for([`update "AuditEvent" set "event" = 'x'`, `delete from "AuditEvent"`, `truncate "AuditEvent"`])(
  'the log refuses: %s',
  async (statement, { db }) => {
    await record(ctxFor(db), 'kept')
    await expect(db.$executeRawUnsafe(statement)).rejects.toThrow('append-only')
  },
)

dbTest('recording outside of a command transaction is a mistake that throws', async ({ db }) => {
  const ctx = ctxFor(db)
  await expect(
    db.$transaction(async (tx) =>
      recordAudit(tx, ctx, { event: 'agent.activated', subject: { kind: 'agent', id: 'a', name: 'a' }, detail: {} }),
    ),
  ).rejects.toThrow('inside inTx')
})

dbTest('the log is read newest first, a tail oldest first, and only with audit:read', async ({ db }) => {
  const ctx = ctxFor(db)
  await record(ctx, 'one')
  await record(ctx, 'two')
  const newest = await listAuditEvents(ctx, auditQuery.parse({ limit: 2 }))
  expect(newest.map((row) => row.subject.id)).toEqual(['two', 'one'])
  const tail = await listAuditEvents(ctx, auditQuery.parse({ after: BigInt(newest[1]!.seq) - 1n }))
  expect(tail.map((row) => row.subject.id)).toEqual(['one', 'two'])
  const builder: Ctx = {
    ...ctx,
    actor: {
      kind: 'person',
      id: 'p',
      name: 'p',
      email: 'p@example.invalid',
      roles: ['builder'],
      teamIds: [],
      permissions: new Set(['agents:read']),
    },
  }
  await expect(listAuditEvents(builder, auditQuery.parse({}))).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest(
  'a sequence number that the database cannot hold is refused, the largest one that it can is not',
  async ({ db }) => {
    const ctx = ctxFor(db)
    await record(ctx, 'known')
    const largest = '9223372036854775807'
    const beyond = '9223372036854775808'
    expect((await listAuditEvents(ctx, auditQuery.parse({ before: largest })))[0]?.subject.id).toBe('known')
    expect(await listAuditEvents(ctx, auditQuery.parse({ after: largest }))).toEqual([])
    expect(await agentTimeline(ctx, timelineQuery.parse({ agentId: 'nobody', before: largest }))).toEqual([])
    for (const field of ['before', 'after']) {
      expect(auditQuery.safeParse({ [field]: beyond }).error?.issues).toMatchObject([
        { code: 'too_big', path: [field] },
      ])
    }
    const { error } = timelineQuery.safeParse({ agentId: 'nobody', before: beyond })
    expect(error?.issues).toMatchObject([{ code: 'too_big', path: ['before'] }])
  },
)

dbTest(
  'an agent’s timeline has what happened to it and not its calls, and is read through an index of its own',
  async ({ db }) => {
    const agentId = `agent-${crypto.randomUUID()}`
    const ctx = ctxFor(db)
    await inTx(ctx, async (tx, inside) => {
      const subject = { kind: 'agent', id: agentId, name: 'A' }
      recordAudit(tx, inside, { event: 'agent.suspended', subject, agentId, detail: { reason: 'It misbehaves.' } })
      for (let at = 0; at < 5; at += 1) {
        recordAudit(tx, inside, { event: 'mcp.tools_listed', subject, agentId, detail: { listed: 1, hidden: 0 } })
      }
      recordAudit(tx, inside, { event: 'agent.resumed', subject, agentId, detail: { reason: 'Mended.' } })
    })
    const all = await agentTimeline(ctx, { agentId, limit: 10 })
    expect(all).toMatchObject([
      { event: 'agent.resumed', reason: 'Mended.', actor: { kind: 'system', name: 'test' } },
      { event: 'agent.suspended', reason: 'It misbehaves.' },
    ])
    expect(await agentTimeline(ctx, { agentId, before: BigInt(all[0]!.seq), limit: 10 })).toHaveLength(1)
    const agent: Ctx = { ...ctx, actor: { kind: 'agent', id: agentId, name: 'A' } }
    await expect(agentTimeline(agent, { agentId, limit: 10 })).rejects.toMatchObject({ code: 'forbidden' })
    const plan = await db.$transaction(async (tx) => {
      await tx.$executeRaw`set local enable_seqscan = off`
      return await tx.$queryRaw<{ 'QUERY PLAN': string }[]>`
      explain select * from "AuditEvent" where "agentId" = ${agentId} and "event" not like 'mcp.%' order by "seq" desc limit 10`
    })
    expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain('AuditEvent_agent_timeline')
  },
)

dbTest(
  'calls that failed are found by their outcome, of either event that says so, and nothing else is',
  async ({ db }) => {
    const ctx = ctxFor(db)
    const serverId = crypto.randomUUID()
    for (const outcome of ['ok', 'tool_error', 'upstream_error', 'aborted'] as const)
      await recordCall(ctx, serverId, outcome)
    await recordCall(ctx, crypto.randomUUID(), 'tool_error')
    await inTx(ctx, async (tx, inside) => {
      const subject = { kind: 'tool', id: `${serverId}/look`, name: 'look' }
      const detail = {
        argumentsDigest: 'x',
        outcome: 'upstream_error',
        bytes: 9,
        ms: 1,
        reason: 'It broke off.',
      } as const
      recordAudit(tx, inside, { event: 'mcp.result_passed', subject, agentId: 'a', serverId, tool: 'look', detail })
      // Has an outcome and is no call of a tool of the server.
      const asked = { tool: 'search', arguments: '{}', via: 'mcp', outcome: 'tool_error' }
      recordAudit(tx, inside, { event: 'registry.asked', subject, serverId, detail: asked })
    })
    const found = async (outcome: string, more: object = {}) => {
      const rows = await listAuditEvents(ctx, auditQuery.parse({ server: serverId, outcome, ...more }))
      return rows.map(({ event, detail }) => [event, detail['outcome']])
    }
    const passed = ['mcp.result_passed', 'upstream_error']
    const ended = (outcome: CallOutcome) => ['mcp.call_allowed', outcome]
    expect(await found('error')).toEqual([passed, ended('upstream_error'), ended('tool_error')])
    expect(await found('error', { limit: 1 })).toEqual([passed])
    expect(await found('error', { decision: 'allow', after: 0 })).toEqual([
      ended('tool_error'),
      ended('upstream_error'),
    ])
    expect(await found('tool_error')).toEqual([ended('tool_error')])
    expect(await found('upstream_error', { event: 'mcp.call_allowed' })).toEqual([ended('upstream_error')])
    expect(await found('aborted')).toEqual([ended('aborted')])
    expect(auditQuery.safeParse({ outcome: 'ok' }).error?.issues).toMatchObject([{ path: ['outcome'] }])

    const last = await lastFailedCalls(ctx, { serverId, limit: 2 })
    expect(last).toMatchObject([
      { tool: 'look', outcome: 'upstream_error', reason: 'It broke off.', agent: { id: 'test' }, rule: null },
      { tool: 'look', outcome: 'upstream_error', reason: null },
    ])
    const agent: Ctx = { ...ctx, actor: { kind: 'agent', id: 'a', name: 'A' } }
    await expect(lastFailedCalls(agent, { serverId, limit: 2 })).rejects.toMatchObject({ code: 'forbidden' })
  },
)

dbTest('calls of a server that failed are read through an index of their own', async ({ db }) => {
  const asked = auditOutcomes.map((outcome) => eventsSql(auditQuery.parse({ server: 'x', outcome })))
  for (const query of [...asked, failedCallsSql({ serverId: 'x', limit: 5 })]) {
    const plan = await db.$transaction(async (tx) => {
      await tx.$executeRaw`set local enable_seqscan = off`
      return await tx.$queryRaw<{ 'QUERY PLAN': string }[]>`explain ${query}`
    })
    expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain('AuditEvent_failed')
  }
})

function recordCall(ctx: Ctx, serverId: string, outcome: CallOutcome): Promise<void> {
  return inTx(ctx, async (tx, inside) => {
    recordAudit(tx, inside, {
      event: 'mcp.call_allowed',
      subject: { kind: 'tool', id: `${serverId}/look`, name: 'look' },
      agentId: 'a',
      serverId,
      tool: 'look',
      decision: 'allow',
      detail: { argumentsDigest: 'x', class: 'read', outcome, ms: 1 },
    })
  })
}
