import { describe, expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { breakGlass, reviewBreakGlass, revokeGrant } from './commands.ts'
import { listBreakGlass, listBreakGlassPage } from './queries.ts'
import { breakGlassInput, reviewBreakGlassInput } from './schema/break-glass.ts'

const now = new Date('2026-11-22T12:00:00Z')
const reason = 'Invoices of today are posted twice and must be reversed.'

async function scene(db: Db) {
  const [onCall, security, agent, serverId] = await Promise.all([
    makePerson(db, { roles: ['on_call'] }),
    makePerson(db, { roles: ['security'] }),
    makeAgent(db),
    makeServer(db, { environment: 'production' }),
  ])
  const input = { agentId: agent.id, serverId, class: 'destructive', toolName: 'wipe', minutes: 60, reason } as const
  return { onCall, security, agent, serverId, input, at: (time = now) => ctxFor(db, onCall, time) }
}

describe('breakGlass', () => {
  dbTest('grants at once, for as long as was said, announced and with its review open', async ({ db }) => {
    const { agent, serverId, input, at, onCall } = await scene(db)
    const taken = await breakGlass(at(), { ...input, incident: 'INC-4711' })
    if (!taken.ok) throw new Error(taken.error.message)
    const { grantId, expiresAt } = taken.value
    expect(expiresAt).toBe('2026-11-22T13:00:00.000Z')
    expect(await db.grant.findUniqueOrThrow({ where: { id: grantId } })).toMatchObject({
      via: 'break_glass',
      class: 'destructive',
      toolName: 'wipe',
      expiresAt: new Date(expiresAt),
      createdById: onCall.id,
    })
    expect(await auditOf(db, agent.id)).toMatchObject([
      { event: 'grant.created', detail: { grantId, via: 'break_glass' } },
      { event: 'grant.break_glass', detail: { grantId, reason, incident: 'INC-4711', expiresAt } },
    ])
    const list = async (time: Date, state: 'open' | 'in_force' | 'all') =>
      (await listBreakGlass(at(time), { state, limit: 200 })).filter((glass) => glass.server.id === serverId)
    expect(await list(now, 'in_force')).toMatchObject([{ grantId, inForce: true, review: null }])
    expect(await list(new Date('2026-11-22T12:59:59.999Z'), 'in_force')).toHaveLength(1)
    expect(await list(new Date('2026-11-22T13:00:00.000Z'), 'in_force')).toEqual([])
    expect(await list(new Date('2026-11-22T13:00:00.000Z'), 'open')).toMatchObject([{ inForce: false }])
  })

  dbTest('lasts four hours at most and wants a sentence', () => {
    const input = { agentId: 'a', serverId: 's', class: 'write', minutes: 240, reason }
    expect(breakGlassInput.safeParse(input).success).toBe(true)
    expect(breakGlassInput.safeParse({ ...input, minutes: 241 }).success).toBe(false)
    expect(breakGlassInput.safeParse({ ...input, minutes: 0 }).success).toBe(false)
    expect(breakGlassInput.safeParse({ ...input, reason: 'urgent' }).success).toBe(false)
  })

  dbTest('is for who is on call, and not for what is gone', async ({ db }) => {
    const { security, agent, serverId, input, at } = await scene(db)
    await expect(breakGlass(ctxFor(db, security, now), input)).rejects.toMatchObject({
      code: 'forbidden',
      details: { rule: 'permission:grants:break_glass' },
    })
    await expect(breakGlass(at(), { ...input, agentId: 'nobody' })).rejects.toMatchObject({ code: 'not_found' })
    await expect(breakGlass(at(), { ...input, serverId: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' })
    const rule = async (changes: Partial<typeof input> | { toolName: string; class: 'read' }) => {
      const refused = await breakGlass(at(), { ...input, ...changes })
      return refused.ok ? null : refused.error.rule
    }
    expect(await rule({ toolName: 'none' as 'wipe' })).toBe('scopes:tool_unknown')
    expect(await rule({ toolName: 'wipe', class: 'read' })).toBe('scopes:tool_unknown')
    await db.mcpServer.update({ where: { id: serverId }, data: { status: 'disabled' } })
    expect(await rule({})).toBe('scopes:server_disabled')
    await db.agent.update({ where: { id: agent.id }, data: { status: 'retired' } })
    expect(await rule({})).toBe('scopes:agent_retired')
    expect(await db.grant.count({ where: { agentId: agent.id } })).toBe(0)
    expect((await auditOf(db, agent.id)).map(({ event, rule: named }) => [event, named])).toEqual([
      ['grant.break_glass_refused', 'scopes:tool_unknown'],
      ['grant.break_glass_refused', 'scopes:tool_unknown'],
      ['grant.break_glass_refused', 'scopes:server_disabled'],
      ['grant.break_glass_refused', 'scopes:agent_retired'],
    ])
  })
})

describe('an emergency is bounded once', () => {
  const rule = (taken: Awaited<ReturnType<typeof breakGlass>>) => (taken.ok ? null : taken.error.rule)
  const hours = (count: number) => new Date(now.getTime() + count * 3_600_000)

  dbTest(
    'nobody renews what they took until somebody else has reviewed it; of two at once one does',
    async ({ db }) => {
      const { onCall, security, agent, input, at } = await scene(db)
      const [first, second] = await Promise.all([breakGlass(at(), input), breakGlass(at(), input)])
      expect([first, second].map(rule).filter((each) => each !== null)).toEqual(['scopes:break_glass_unreviewed'])
      const taken = first.ok ? first : second
      if (!taken.ok) throw new Error(taken.error.message)
      expect(rule(await breakGlass(at(hours(5)), input))).toBe('scopes:break_glass_unreviewed')
      expect((await auditOf(db, agent.id)).filter(({ event }) => event === 'grant.break_glass_refused')).toHaveLength(2)
      expect(rule(await breakGlass(at(hours(5)), { ...input, toolName: 'look', class: 'read' }))).toBeNull()
      const verdict = { grantId: taken.value.grantId, verdict: 'justified', note: 'It was on fire.' } as const
      await reviewBreakGlass(ctxFor(db, security, hours(5)), verdict)
      expect(rule(await breakGlass(ctxFor(db, onCall, hours(5)), input))).toBeNull()
    },
  )

  dbTest('what overlaps lasts four hours in all without a review, by whomever', async ({ db }) => {
    const { input, at } = await scene(db)
    const mate = await makePerson(db, { roles: ['on_call'] })
    const wide = { ...input, toolName: null, minutes: 200 } as const
    expect(rule(await breakGlass(at(), { ...wide, class: 'read' }))).toBeNull()
    // More than what one had is no renewal, but counts.
    expect(rule(await breakGlass(at(hours(1)), wide))).toBe('scopes:break_glass_unreviewed')
    expect(rule(await breakGlass(at(hours(1)), { ...wide, minutes: 30 }))).toBeNull()
    const refused = await breakGlass(ctxFor(db, mate, hours(3)), { ...wide, minutes: 11 })
    expect(refused).toMatchObject({
      error: { message: expect.stringContaining('so 10 minutes are left. Have it reviewed') },
    })
    expect(rule(await breakGlass(ctxFor(db, mate, hours(3)), { ...wide, minutes: 10 }))).toBeNull()
    // Another day is another emergency, but not to those who have theirs unreviewed.
    const third = await makePerson(db, { roles: ['on_call'] })
    expect(rule(await breakGlass(ctxFor(db, third, hours(28)), { ...wide, minutes: 240 }))).toBeNull()
    expect(rule(await breakGlass(ctxFor(db, mate, hours(60)), wide))).toBe('scopes:break_glass_unreviewed')
  })
})

describe('reviewBreakGlass', () => {
  dbTest('is somebody else’s, once: of two at once, one does and the other is told', async ({ db }) => {
    const { security, input, at, agent } = await scene(db)
    const taken = await breakGlass(at(), input)
    if (!taken.ok) throw new Error(taken.error.message)
    const verdict = { grantId: taken.value.grantId, verdict: 'justified', note: 'The postings were real.' } as const
    const other = await makePerson(db, { roles: ['security'] })
    const outcomes = await Promise.all(
      [security, other].map((person) => reviewBreakGlass(ctxFor(db, person, now), verdict)),
    )
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
    expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'scopes:already_reviewed' } })
    const events = (await auditOf(db, agent.id)).map(({ event }) => event)
    expect(events.filter((event) => event === 'grant.break_glass_reviewed')).toHaveLength(1)
    const inForce = await listBreakGlass(ctxFor(db, security, now), { state: 'in_force', limit: 200 })
    expect(inForce.find(({ grantId }) => grantId === verdict.grantId)).toMatchObject({
      review: { verdict: 'justified', note: 'The postings were real.' },
    })
    // It is open no more once it has ended, and stays in the history.
    const later = ctxFor(db, security, new Date('2026-11-22T14:00:00Z'))
    const ids = async (state: 'open' | 'all') =>
      (await listBreakGlass(later, { state, limit: 200 })).map(({ grantId }) => grantId)
    expect(await ids('open')).not.toContain(verdict.grantId)
    expect(await ids('all')).toContain(verdict.grantId)
  })

  dbTest('is refused to who took it, who is accountable, and who may not', async ({ db }) => {
    const { onCall, security, agent, input, at } = await scene(db)
    const both = await makePerson(db, { roles: ['on_call', 'security'] })
    const taken = await breakGlass(ctxFor(db, both, now), input)
    if (!taken.ok) throw new Error(taken.error.message)
    const verdict = { grantId: taken.value.grantId, verdict: 'not_justified', note: 'No incident.' } as const
    expect(await reviewBreakGlass(ctxFor(db, both, now), verdict)).toMatchObject({
      error: { rule: 'scopes:own_break_glass' },
    })
    await db.agent.update({ where: { id: agent.id }, data: { accountablePersonId: security.id } })
    expect(await reviewBreakGlass(ctxFor(db, security, now), verdict)).toMatchObject({
      error: { rule: 'scopes:own_agent' },
    })
    const mate = await makePerson(db, { roles: ['security'], teamIds: [agent.teamId] })
    expect(await reviewBreakGlass(ctxFor(db, mate, now), verdict)).toMatchObject({
      error: { rule: 'scopes:own_team' },
    })
    const list = await listBreakGlass(ctxFor(db, mate, now), { state: 'open', limit: 200 })
    expect(list.find(({ grantId }) => grantId === verdict.grantId)?.reviewable).toMatchObject({ allowed: false })
    await expect(reviewBreakGlass(at(), verdict)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(
      reviewBreakGlass(ctxFor(db, security, now), { ...verdict, grantId: crypto.randomUUID() }),
    ).rejects.toMatchObject({ code: 'not_found' })
    expect(reviewBreakGlassInput.safeParse({ ...verdict, note: 'ok' }).success).toBe(false)
    const shown = (await listBreakGlass(ctxFor(db, onCall, now), { state: 'open', limit: 200 })).find(
      ({ grantId }) => grantId === verdict.grantId,
    )
    expect(shown?.reviewable).toMatchObject({ allowed: false })
    await expect(
      listBreakGlass(ctxFor(db, { kind: 'agent', id: 'a', name: 'a' }, now), { state: 'open', limit: 1 }),
    ).rejects.toMatchObject({ code: 'forbidden' })
  })
})

dbTest('a list of break-glass grants is paged, the newest first, each of them once', async ({ db }) => {
  const { input, at, agent } = await scene(db)
  const taken: string[] = []
  for (const minute of [0, 1, 1, 2]) {
    const { id } = await makeAgent(db, { ownerTeamId: agent.teamId })
    const glass = await breakGlass(at(new Date(now.getTime() + minute * 60_000)), { ...input, agentId: id })
    if (!glass.ok) throw new Error(glass.error.message)
    taken.push(glass.value.grantId)
  }
  const found: { grantId: string; openedAt: string }[] = []
  let cursor: string | undefined
  do {
    const page = await listBreakGlassPage(at(), { state: 'all', limit: 1, cursor })
    expect(page.items).toHaveLength(1)
    found.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  expect(found.map(({ grantId }) => grantId)).toEqual(
    (await listBreakGlass(at(), { state: 'all', limit: 200 })).map(({ grantId }) => grantId),
  )
  expect(found.map(({ grantId }) => grantId)).toEqual(expect.arrayContaining(taken))
  for (const damaged of ['x', crypto.randomUUID()]) {
    await expect(listBreakGlassPage(at(), { state: 'all', limit: 1, cursor: damaged })).rejects.toMatchObject({
      code: 'invalid',
      details: { field: 'cursor' },
    })
  }
})

dbTest('its calls are counted where they are shown, and the log is not read where they are not', async ({ db }) => {
  const { input, at, agent, serverId } = await scene(db)
  const taken = await breakGlass(at(), input)
  if (!taken.ok) throw new Error(taken.error.message)
  const call = (grantId: string) =>
    inTx(at(new Date(now.getTime() + 60_000)), async (tx, ctx) => {
      recordAudit(tx, ctx, {
        event: 'mcp.call_allowed',
        subject: { kind: 'tool', id: `${serverId}/wipe`, name: 'wipe' },
        agentId: agent.id,
        serverId,
        tool: 'wipe',
        decision: 'allow',
        detail: { argumentsDigest: 'x', class: 'destructive', outcome: 'ok', ms: 1, grantId },
      })
    })
  await call(taken.value.grantId)
  // What went under another grant it did not carry.
  await call(crypto.randomUUID())
  const calls = async (options?: { counted?: boolean }) =>
    (await listBreakGlass(at(), { state: 'open', limit: 200 }, options)).find(
      ({ grantId }) => grantId === taken.value.grantId,
    )?.calls
  expect(await calls()).toBe(1)
  expect(await calls({ counted: false })).toBe(0)
})

dbTest('a break-glass grant is revoked as any other and stays to be reviewed', async ({ db }) => {
  const { security, input, at, serverId } = await scene(db)
  const taken = await breakGlass(at(), input)
  if (!taken.ok) throw new Error(taken.error.message)
  await revokeGrant(ctxFor(db, security, now), { grantId: taken.value.grantId, reason: 'The incident is over.' })
  const open = await listBreakGlass(at(), { state: 'open', limit: 200 })
  expect(open.find(({ server }) => server.id === serverId)).toMatchObject({ inForce: false, review: null })
})
