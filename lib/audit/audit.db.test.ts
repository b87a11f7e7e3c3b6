import { expect } from 'vitest'
import { type Ctx, inTx, systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { recordAudit } from './commands.ts'
import { listAuditEvents } from './queries.ts'
import { auditQuery } from './schema.ts'

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
