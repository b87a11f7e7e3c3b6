import { expect } from 'vitest'
import { type Ctx, inTx, systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { recordAudit } from './commands.ts'
import { agentTimeline, listAuditEvents } from './queries.ts'
import { auditQuery, timelineQuery } from './schema.ts'

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
