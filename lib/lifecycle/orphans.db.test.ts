import { expect } from 'vitest'
import { deactivatePerson, deactivateUnseen, reactivatePerson } from '#lib/auth/commands/people.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { listAgents } from '#lib/registry/queries.ts'
import { resumeAgent, retireAgent, suspendAgent, takeOverAgent, updateAgent, watchOrphans } from './commands.ts'
import { getOrphan, listOrphans } from './queries.ts'

const now = new Date('2026-11-22T10:00:00Z')
const graceDays = { high: 3, medium: 7, low: 14 }
const after = (days: number, ms = 0) => new Date(now.getTime() + days * 86_400_000 + ms)
const reason = 'left the company'

const watch = (db: Db, at: Date) => watchOrphans(ctxFor(db, systemActor('worker'), at), { graceDays })
const events = async (db: Db, id: string) => (await auditOf(db, id)).map(({ event }) => event)
const statusOf = async (db: Db, id: string) => (await db.agent.findUniqueOrThrow({ where: { id } })).status

async function makeTeamWithAgent(db: Db, tier: 'low' | 'medium' | 'high' = 'high') {
  const teamId = await makeTeam(db)
  const admin = await makePerson(db, { roles: ['platform_admin'] })
  const lead = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
  const leaver = await makePerson(db, { roles: ['builder'], teamIds: [teamId] })
  const { id } = await makeAgent(db, { ownerTeamId: teamId, accountablePersonId: leaver.id, tier })
  const leave = (at = now) => deactivatePerson(ctxFor(db, admin, at), { personId: leaver.id, reason })
  return { teamId, admin, lead, leaver, id, leave }
}

dbTest('who has left is signed out everywhere; their agents show as orphaned at once', async ({ db }) => {
  const { admin, leaver, id, leave, teamId } = await makeTeamWithAgent(db)
  const session = await db.loginSession.create({ data: { personId: leaver.id, expiresAt: after(1) } })
  const token = await db.accessToken.create({
    data: { personId: leaver.id, name: 'ci', hash: leaver.id, prefix: 'wh_pat', permissions: [], expiresAt: after(30) },
  })
  expect(await leave()).toMatchObject({ ok: true })
  expect(await leave()).toMatchObject({ ok: false, error: { rule: 'people:inactive' } })
  expect(await db.loginSession.findUnique({ where: { id: session.id } })).toMatchObject({ revokedAt: now })
  expect(await db.accessToken.findUnique({ where: { id: token.id } })).toMatchObject({ revokedAt: now })
  expect(await auditOf(db, leaver.id)).toMatchObject([
    { event: 'person.deactivated', detail: { because: 'admin', reason, agents: 1, sessions: 1, tokens: 1 } },
  ])
  const found = await listAgents(ctxFor(db, admin, now), { q: `orphaned:yes owner:${teamId}` })
  expect(found.items).toMatchObject([{ id, accountable: { active: false } }])
  expect((await listAgents(ctxFor(db, admin, now), { q: `orphaned:no owner:${teamId}` })).total).toBe(0)
  expect(await getOrphan(ctxFor(db, admin, now), id)).toMatchObject({ since: now.toISOString(), suspendAt: null })
  const oneself = await deactivatePerson(ctxFor(db, admin, now), { personId: admin.id, reason })
  expect(oneself).toMatchObject({ ok: false, error: { rule: 'people:oneself' } })
})

dbTest('each tier is suspended at the end of its grace, not a second before, by one of two workers', async ({ db }) => {
  for (const [tier, days] of [
    ['high', 3],
    ['medium', 7],
    ['low', 14],
  ] as const) {
    const { id, leave, leaver } = await makeTeamWithAgent(db, tier)
    await leave()
    await Promise.all([watch(db, after(0, 5000)), watch(db, after(0, 5000))])
    expect(await events(db, id)).toEqual(['agent.orphaned'])
    expect((await auditOf(db, id))[0]?.detail).toEqual({
      personId: leaver.id,
      because: 'admin',
      since: now.toISOString(),
      suspendAt: after(days).toISOString(),
    })
    await watch(db, after(days, -1000))
    expect(await statusOf(db, id)).toBe('active')
    await Promise.all([watch(db, after(days)), watch(db, after(days))])
    expect(await statusOf(db, id)).toBe('suspended')
    await watch(db, after(days, 1000))
    expect(await events(db, id)).toEqual(['agent.orphaned', 'agent.suspended'])
    const { statusReason } = await db.agent.findUniqueOrThrow({ where: { id } })
    expect(statusReason).toMatch(
      new RegExp(`^Nobody answers for it: .* since 2026-11-22, and the grace of tier ${tier}`),
    )
    expect(await getOrphan(ctxFor(db), id)).toMatchObject({ suspendedAt: after(days).toISOString() })
  }
})

dbTest('another tier has another grace, from the same day, also while nobody answers', async ({ db }) => {
  const { id, leave, admin } = await makeTeamWithAgent(db, 'low')
  await leave()
  await watch(db, now)
  await updateAgent(ctxFor(db, admin, after(1)), { agentId: id, tier: 'high' })
  await Promise.all([watch(db, after(1)), watch(db, after(1))])
  expect(await getOrphan(ctxFor(db), id)).toMatchObject({ suspendAt: after(3).toISOString() })
  expect((await auditOf(db, id)).filter(({ event }) => event === 'agent.orphan_grace_changed')).toMatchObject([
    { detail: { tier: 'high', before: after(14).toISOString(), after: after(3).toISOString() } },
  ])
  await watch(db, after(3, -1000))
  expect(await statusOf(db, id)).toBe('active')
  await watch(db, after(3))
  expect(await statusOf(db, id)).toBe('suspended')
  const lowered = await makeTeamWithAgent(db, 'high')
  await lowered.leave()
  await watch(db, now)
  await updateAgent(ctxFor(db, lowered.admin, after(2)), { agentId: lowered.id, tier: 'low' })
  // Also when the first look after the change comes when the old grace is over.
  await watch(db, after(4))
  expect(await statusOf(db, lowered.id)).toBe('active')
  await watch(db, after(14))
  expect(await statusOf(db, lowered.id)).toBe('suspended')
})

dbTest('who returns before the grace is over finds everything as it was', async ({ db }) => {
  const { id, leave, admin, leaver } = await makeTeamWithAgent(db)
  await leave()
  await watch(db, after(1))
  expect(await reactivatePerson(ctxFor(db, admin, after(2)), { personId: leaver.id, reason: 'back' })).toMatchObject({
    ok: true,
  })
  const again = await reactivatePerson(ctxFor(db, admin, after(2)), { personId: leaver.id, reason: 'back' })
  expect(again).toMatchObject({ ok: false, error: { rule: 'people:active' } })
  await watch(db, after(3))
  expect(await statusOf(db, id)).toBe('active')
  expect(await getOrphan(ctxFor(db), id)).toBeNull()
  expect(await events(db, id)).toEqual(['agent.orphaned', 'agent.orphan_ended'])
  // A second absence is one of its own: its grace begins anew.
  await leave(after(4))
  await watch(db, after(6, 86_000_000))
  expect(await statusOf(db, id)).toBe('active')
  await watch(db, after(7))
  expect(await statusOf(db, id)).toBe('suspended')
  await reactivatePerson(ctxFor(db, admin, after(8)), { personId: leaver.id, reason: 'back' })
  await watch(db, after(8))
  expect(await statusOf(db, id)).toBe('active')
  expect((await events(db, id)).slice(-2)).toEqual(['agent.orphan_ended', 'agent.resumed'])
  expect((await auditOf(db, leaver.id)).map(({ event }) => event)).toContain('person.reactivated')
})

dbTest('a take-over ends it and undoes its suspension; of two at once one does', async ({ db }) => {
  const { id, leave, lead, admin, leaver } = await makeTeamWithAgent(db)
  const input = { agentId: id, accountablePersonId: lead.id }
  expect(await takeOverAgent(ctxFor(db, lead, now), input)).toMatchObject({
    ok: false,
    error: { rule: 'lifecycle:not_orphaned' },
  })
  await leave()
  await watch(db, now)
  await watch(db, after(3))
  expect(await statusOf(db, id)).toBe('suspended')
  expect(await resumeAgent(ctxFor(db, lead, after(4)), { agentId: id, reason })).toMatchObject({
    ok: false,
    error: { rule: 'lifecycle:orphaned' },
  })
  await expect(
    takeOverAgent(ctxFor(db, lead, after(4)), { agentId: id, accountablePersonId: leaver.id }),
  ).rejects.toMatchObject({ code: 'invalid', details: { field: 'accountablePersonId' } })
  const outcomes = await Promise.all(
    [lead, admin].map((person) =>
      takeOverAgent(ctxFor(db, person, after(4)), { agentId: id, accountablePersonId: person.id }),
    ),
  )
  expect(outcomes.filter(({ ok }) => ok)).toEqual([{ ok: true, value: { resumed: true } }])
  expect(await statusOf(db, id)).toBe('active')
  await watch(db, after(5))
  expect((await events(db, id)).slice(-2)).toEqual(['agent.taken_over', 'agent.resumed'])
  expect(await db.orphanedAgent.count({ where: { agentId: id } })).toBe(0)
})

dbTest('one that somebody suspended before is not resumed into its end', async ({ db }) => {
  const { id, leave, lead } = await makeTeamWithAgent(db)
  await suspendAgent(ctxFor(db, lead, now), { agentId: id, reason })
  await leave()
  await watch(db, after(3))
  await watch(db, after(3, 2000))
  expect((await events(db, id)).filter((event) => event === 'agent.suspended')).toHaveLength(1)
  const resume = (at: Date) => resumeAgent(ctxFor(db, lead, at), { agentId: id, reason })
  expect(await resume(after(3, 3000))).toMatchObject({ ok: false, error: { rule: 'lifecycle:orphaned' } })
  // Whoever takes it over has not undone what somebody else decided.
  const taken = await takeOverAgent(ctxFor(db, lead, after(4)), { agentId: id, accountablePersonId: lead.id })
  expect(taken).toEqual({ ok: true, value: { resumed: false } })
  expect(await resume(after(4, 1000))).toMatchObject({ ok: true })
})

dbTest('what is named or retired in another way ends it, too; that alone resumes nothing', async ({ db }) => {
  const named = await makeTeamWithAgent(db)
  const retired = await makeTeamWithAgent(db)
  for (const { leave } of [named, retired]) await leave()
  await watch(db, now)
  await watch(db, after(3))
  await updateAgent(ctxFor(db, named.lead, after(4)), { agentId: named.id, accountablePersonId: named.lead.id })
  await retireAgent(ctxFor(db, retired.lead, after(4)), { agentId: retired.id, reason })
  await watch(db, after(4))
  expect(await statusOf(db, named.id)).toBe('suspended')
  const ended = async (id: string) =>
    (await auditOf(db, id)).find(({ event }) => event === 'agent.orphan_ended')?.detail
  expect(await ended(named.id)).toMatchObject({ how: 'reassigned' })
  expect(await ended(retired.id)).toMatchObject({ how: 'retired' })
  expect(await resumeAgent(ctxFor(db, named.lead, after(5)), { agentId: named.id, reason })).toMatchObject({ ok: true })
})

dbTest('whoever the identity provider has not vouched for in so many days counts as gone', async ({ db }) => {
  const person = await makePerson(db)
  const local = await makePerson(db)
  await db.person.update({ where: { id: person.id }, data: { source: 'oidc', groupsSeenAt: now } })
  const unseen = (at: Date, days = 90) => deactivateUnseen(ctxFor(db, systemActor('worker'), at), { days })
  expect(await unseen(after(90, -1))).toEqual({ deactivated: 0 })
  expect(await unseen(after(900), 0)).toEqual({ deactivated: 0 })
  const turns = await Promise.all([unseen(after(90)), unseen(after(90))])
  expect(turns.map(({ deactivated }) => deactivated).toSorted((a, b) => a - b)).toEqual([0, 1])
  const left = await db.person.findUniqueOrThrow({ where: { id: person.id } })
  expect(left).toMatchObject({ active: false, deactivatedBecause: 'unseen', deactivatedAt: after(90) })
  expect(await db.person.findUniqueOrThrow({ where: { id: local.id } })).toMatchObject({ active: true })
})

dbTest('leaving, returning and taking over need their permission, and the list that of reading', async ({ db }) => {
  const { id, leave, lead, leaver, admin } = await makeTeamWithAgent(db)
  const stranger = await makePerson(db, { roles: ['team_lead'], teamIds: [await makeTeam(db)] })
  const builder = await makePerson(db, { roles: ['builder'] })
  const forbidden = { code: 'forbidden' }
  const person = { personId: leaver.id, reason }
  await expect(deactivatePerson(ctxFor(db, lead, now), person)).rejects.toMatchObject(forbidden)
  await expect(reactivatePerson(ctxFor(db, lead, now), person)).rejects.toMatchObject(forbidden)
  await leave()
  const input = { agentId: id, accountablePersonId: lead.id }
  await expect(takeOverAgent(ctxFor(db, builder, now), input)).rejects.toMatchObject(forbidden)
  await expect(takeOverAgent(ctxFor(db, stranger, now), input)).rejects.toMatchObject(forbidden)
  await expect(watchOrphans(ctxFor(db, admin, now), { graceDays })).rejects.toMatchObject(forbidden)
  await expect(deactivateUnseen(ctxFor(db, admin, now), { days: 1 })).rejects.toMatchObject(forbidden)
  const agent = ctxFor(db, { kind: 'agent', id, name: id })
  await expect(listOrphans(agent)).rejects.toMatchObject(forbidden)
  const has = async (who: typeof lead) =>
    (await listOrphans(ctxFor(db, who, now), { mine: true })).items.some((orphan) => orphan.agent.id === id)
  expect([await has(lead), await has(admin), await has(stranger)]).toEqual([true, true, false])
})

dbTest(
  'the list is whole and counted: a page at a time, what still runs first, and ones own among many',
  async ({ db }) => {
    const { teamId, lead, leaver, id } = await makeTeamWithAgent(db)
    const others = await makeTeamWithAgent(db)
    const theirs = Array.from({ length: 7 }, (_, at) => `a-crowd-${at}`)
    for (const other of theirs) {
      await makeAgent(db, { id: other, ownerTeamId: others.teamId, accountablePersonId: others.leaver.id })
    }
    const ended = await makeAgent(db, { id: 'a-suspended', ownerTeamId: teamId, accountablePersonId: leaver.id })
    await db.person.updateMany({ where: { id: { in: [leaver.id, others.leaver.id] } }, data: { active: false } })
    const grace = (agentId: string, days: number, personId = others.leaver.id) => ({
      ...{ agentId, personId, because: 'admin', since: now, suspendAt: after(days) },
    })
    await db.orphanedAgent.createMany({
      data: [
        ...theirs.slice(1).map((agentId, at) => ({ ...grace(agentId, 2 + (at % 2)) })),
        { ...grace(ended.id, 1, leaver.id), suspendedAt: after(1) },
      ],
    })
    const ctx = ctxFor(db, lead, now)
    const whole = await listOrphans(ctx, { limit: 500 })
    const expected = whole.items.map(({ agent }) => agent.id)
    expect(whole.total).toBe(expected.length)
    const running = whole.items.map(({ suspendedAt }) => suspendedAt === null)
    expect(running).toEqual(running.toSorted((a, b) => Number(b) - Number(a)))
    const walked: string[] = []
    let cursor: string | undefined
    do {
      const page = await listOrphans(ctx, { limit: 2, ...(cursor ? { cursor } : {}) })
      expect(page.total).toBe(whole.total)
      walked.push(...page.items.map(({ agent }) => agent.id))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect(walked).toEqual(expected)
    // Their own are not lost behind those of others.
    const mine = await listOrphans(ctx, { mine: true, limit: 2 })
    expect([mine.items.map(({ agent }) => agent.id), mine.total, mine.nextCursor]).toEqual([[id, ended.id], 2, null])
    for (const place of [['x'], [false, '0000-01-01T00:00:00.000Z', 'ab'], [false, 'infinity', 'a\0']]) {
      const wrong = listOrphans(ctx, { cursor: Buffer.from(JSON.stringify(place)).toString('base64url') })
      await expect(wrong).rejects.toMatchObject({ code: 'invalid', details: { field: 'cursor' } })
    }
  },
)
