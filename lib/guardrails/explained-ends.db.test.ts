import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import type { AuditEntry } from '#lib/audit/events.ts'
import { inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { explainDecision } from './queries/explanation/decision.ts'

test('an intended call is not said to have been delivered: it leads to its end, or says that there is none', async ({
  db,
}) => {
  const ctx = ctxFor(db)
  const about = await calledBy(db)
  const digest = crypto.randomUUID()
  const detail = { argumentsDigest: digest, class: 'write' }
  const id = await record(db, { ...about, event: 'mcp.call_intended', detail })
  const open = await explainDecision(ctx, { id })
  expect(open).toMatchObject({ title: 'Intended', message: expect.stringMatching(/^No record says how it ended/) })
  expect(open.steps.at(-1)).toMatchObject({ id: 'delivery', outcome: 'unknown', note: open.message })
  expect(open.steps.slice(0, -1).every(({ outcome }) => outcome === 'passed')).toBe(true)
  const allowed = { event: 'mcp.call_allowed', decision: 'allow', rule: 'upstream_unavailable' } as const
  const end = { ...detail, outcome: 'upstream_error', ms: 1 } as const
  await record(db, { ...about, ...allowed, detail: { ...end, argumentsDigest: 'of another' } })
  expect((await explainDecision(ctx, { id })).message).toBe(open.message)
  const ended = await record(db, { ...about, ...allowed, detail: end })
  const closed = await explainDecision(ctx, { id })
  expect(closed.message).toBe('It ended: broken off by upstream_unavailable. It may have been carried out.')
  expect(closed.next[0]).toEqual({ label: 'How it ended', link: `/explain/${ended}` })
})

test('a call that was ended at its server was let through: its steps say so, and whether it had been sent', async ({
  db,
}) => {
  const ctx = ctxFor(db)
  const about = await calledBy(db)
  const ended = async (detail: object, rule?: string) => {
    const end = { argumentsDigest: 'd', class: 'write', outcome: 'aborted', ms: 1, ...detail } as const
    const event = {
      ...about,
      event: 'mcp.call_allowed',
      decision: 'allow',
      ...(rule ? { rule } : {}),
      detail: end,
    } as const
    const explained = await explainDecision(ctx, { id: await record(db, event) })
    const passed = explained.steps.slice(0, -1).every(({ outcome }) => outcome === 'passed')
    const { outcome, note } = explained.steps.at(-1)!
    return { said: explained.outcome, title: explained.title, passed, outcome, note }
  }
  expect(await ended({ sent: true, message: 'Stopped.' }, 'killed')).toMatchObject({
    said: 'ended',
    passed: true,
    outcome: 'broken_off',
    note: 'Stopped. It had been sent to its server, which may have carried it out.',
  })
  expect(await ended({ sent: false, message: 'Gone.' }, 'grant_missing')).toMatchObject({
    said: 'ended',
    note: 'Gone. It had not been sent to its server.',
  })
  expect(await ended({ sent: true })).toMatchObject({
    said: 'ended',
    title: 'Ended by its caller',
    outcome: 'broken_off',
  })
  expect(await ended({ outcome: 'task' })).toMatchObject({
    said: 'allowed',
    outcome: 'unknown',
    note: 'It goes on as a task.',
  })
  expect(await ended({ outcome: 'ok' })).toMatchObject({ said: 'allowed', passed: true, outcome: 'passed', note: null })
})

test('a result that broke off while it was passed on says so, and one that did not has been passed on', async ({
  db,
}) => {
  const ctx = ctxFor(db)
  const about = await calledBy(db)
  const passed = async (detail: { outcome: 'ok' | 'upstream_error'; reason?: string }) => {
    const end = { argumentsDigest: 'd', bytes: 9, ms: 1, ...detail }
    const { outcome, steps } = await explainDecision(ctx, {
      id: await record(db, { ...about, event: 'mcp.result_passed', detail: end }),
    })
    return [outcome, steps.at(-1)?.outcome, steps.at(-1)?.note]
  }
  expect(await passed({ outcome: 'ok' })).toEqual(['allowed', 'passed', null])
  expect(await passed({ outcome: 'upstream_error' })).toEqual([
    'allowed',
    'passed',
    'The server answered with an error.',
  ])
  const reason = 'it hung up'
  expect(await passed({ outcome: 'upstream_error', reason })).toEqual(['allowed', 'passed', reason])
})

async function calledBy(db: Db) {
  const { id: agentId } = await makeAgent(db, { tier: 'high' })
  const serverId = await makeServer(db)
  return { subject: { kind: 'tool', id: `${serverId}/look`, name: 'look' }, agentId, serverId, tool: 'look' }
}

async function record(db: Db, entry: AuditEntry): Promise<string> {
  await inTx(ctxFor(db), async (tx, ctx) => recordAudit(tx, ctx, entry))
  const last = await db.auditEvent.findFirstOrThrow({ where: { event: entry.event }, orderBy: { seq: 'desc' } })
  return last.id
}
