import { expect } from 'vitest'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { enforcePolicies, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { simulate } from './queries/explanation/simulate.ts'

const dayMs = 86_400_000

test('of the past the bypasses of then let calls through, whatever became of them or of whom opened them', async ({
  db,
}) => {
  const [{ id: agentId }, serverId] = [await makeAgent(db), await makeServer(db)]
  await enforcePolicies(db, [permitsGranted])
  const ctx = ctxFor(db)
  await makeGrant(db, { agentId, serverId })
  const rule = await db.holdRule.create({
    data: { title: 'Reads wait', serverId, deciderRoles: ['security'], decideSeconds: 60 },
  })
  const openedBy = await makePerson(db, { roles: ['on_call'] })
  const before = await instant(db)
  const openedAt = await instant(db)
  const soon = new Date(openedAt.getTime() + dayMs)
  const opened = { reason: 'All are away.', openedById: openedBy.id, openedAt, expiresAt: soon }
  const { id } = await db.holdBypass.create({ data: { ruleId: rule.id, ...opened } })
  const during = await instant(db)
  await db.holdBypass.update({ where: { id }, data: { endedAt: await instant(db) } })
  await db.personRole.deleteMany({ where: { personId: openedBy.id } })
  await db.person.update({ where: { id: openedBy.id }, data: { active: false } })
  const after = await instant(db)
  // One of today does not reach back.
  const replaced = await makePerson(db, { roles: ['security'] })
  const security = await makePerson(db, { roles: ['security'] })
  await db.holdBypass.create({
    data: { ruleId: rule.id, ...opened, openedById: replaced.id, openedAt: await instant(db) },
  })
  const call = { agentId, serverId, tool: 'look', arguments: {}, behindId: security.id }
  const outcomes = []
  for (const when of [before, during, after]) {
    const said = await simulate({ ...ctx, now: new Date() }, { ...call, at: when.toISOString() })
    outcomes.push(said.outcome)
  }
  expect(outcomes).toEqual(['held', 'allowed', 'held'])
  const today = async (behindId: string | null) => await simulate({ ...ctx, now: new Date() }, { ...call, behindId })
  expect((await today(security.id)).outcome).toBe('allowed')
  // Not what its opener is behind; and who is behind a call that nobody makes is not known unless somebody says so.
  for (const [behindId, behind] of [
    [replaced.id, 'own_call'],
    [null, 'not_known'],
  ] as const) {
    const said = await today(behindId)
    expect(said).toMatchObject({ outcome: 'held', facts: { holdRule: rule.id, behind } })
    const note = said.steps.find(({ id }) => id === 'hold')?.note ?? ''
    expect(note).toContain('It is bypassed, but not for calls that whoever opened the bypass is behind')
    expect(note.includes('not known')).toBe(behindId === null)
  }
})

test('of the past a bypass let calls of an agent through whose owner or team its opener became later', async ({
  db,
}) => {
  const [{ id: agentId, teamId }, serverId] = [await makeAgent(db), await makeServer(db)]
  const ctx = ctxFor(db)
  await makeGrant(db, { agentId, serverId })
  const rule = await db.holdRule.create({
    data: { title: 'Reads wait', serverId, deciderRoles: ['security'], decideSeconds: 60 },
  })
  const openedBy = await makePerson(db, { roles: ['on_call'] })
  const openedAt = await instant(db)
  const opened = {
    reason: 'All are away.',
    openedById: openedBy.id,
    openedAt,
    expiresAt: new Date(openedAt.getTime() + dayMs),
  }
  const { id } = await db.holdBypass.create({ data: { ruleId: rule.id, ...opened } })
  const behind = await makePerson(db)
  const during = await instant(db)
  const at = async (when: Date) => {
    const call = { agentId, serverId, tool: 'look', arguments: {}, behindId: behind.id, at: when.toISOString() }
    return (await simulate({ ...ctx, now: new Date() }, call)).outcome
  }
  expect(await at(during)).toBe('allowed')
  // While it is open, being accountable counts from then on.
  await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: openedBy.id } })
  const theirs = await instant(db)
  expect([await at(during), await at(theirs)]).toEqual(['allowed', 'held'])
  await db.holdBypass.update({ where: { id }, data: { endedAt: await instant(db) } })
  await db.teamMember.create({ data: { personId: openedBy.id, teamId } })
  expect([await at(during), await at(theirs)]).toEqual(['allowed', 'held'])
})
