import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeActiveAgent } from '#lib/dev/test/lifecycle.ts'
import { applyManifest, updateAgent } from './commands.ts'

const now = new Date('2026-11-22T10:00:00Z')

dbTest('the tier is changed by who classifies agents, and never by whom the agent belongs to', async ({ db }) => {
  const { id, builder, teamId } = await makeActiveAgent(db, now)
  const tierOf = async () => (await db.agent.findUniqueOrThrow({ where: { id } })).tier
  for (const tier of ['low', 'high'] as const) {
    await expect(updateAgent(ctxFor(db, builder, now), { agentId: id, tier })).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('Security, Platform admin'),
      details: { field: 'tier', rule: 'permission:agents:classify' },
    })
    const own = await makePerson(db, { roles: ['platform_admin'], teamIds: [teamId] })
    await expect(updateAgent(ctxFor(db, own, now), { agentId: id, tier })).rejects.toMatchObject({
      details: { rule: 'lifecycle:own_tier' },
    })
    // Nor by who would own it by the same change.
    const admin = await makePerson(db, { roles: ['platform_admin'] })
    const taken = { agentId: id, tier, accountablePersonId: admin.id }
    await expect(updateAgent(ctxFor(db, admin, now), taken)).rejects.toMatchObject({
      details: { rule: 'lifecycle:own_tier' },
    })
  }
  await expect(applyManifest(ctxFor(db, builder, now), `id: ${id}\ntier: low\n`)).rejects.toMatchObject({
    details: { rule: 'permission:agents:classify' },
  })
  expect(await tierOf()).toBe('medium')
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  await updateAgent(security, { agentId: id, tier: 'high' })
  expect(await tierOf()).toBe('high')
  expect((await auditOf(db, id)).at(-1)).toMatchObject({ event: 'agent.updated', detail: { after: { tier: 'high' } } })
  await expect(updateAgent(security, { agentId: id, tier: 'low', purpose: 'else' })).rejects.toMatchObject({
    details: { rule: 'permission:agents:update' },
  })
})

dbTest('nobody gets at the tier by giving the agent away for a while', async ({ db }) => {
  const { id, teamId } = await makeActiveAgent(db, now)
  const [other, keeper] = [await makeTeam(db), await makePerson(db, { roles: ['team_lead'] })]
  const later = (days: number) => new Date(now.getTime() + days * 86_400_000)
  const member = await makePerson(db, { roles: ['platform_admin'], teamIds: [teamId] })
  await updateAgent(ctxFor(db, member, now), { agentId: id, ownerTeamId: other })
  const refused = { details: { rule: 'lifecycle:own_tier' } }
  const low = { agentId: id, tier: 'low' } as const
  await expect(updateAgent(ctxFor(db, member, later(1)), low)).rejects.toMatchObject(refused)
  const admin = await makePerson(db, { roles: ['platform_admin'] })
  await updateAgent(ctxFor(db, admin, now), { agentId: id, accountablePersonId: admin.id })
  await updateAgent(ctxFor(db, admin, now), { agentId: id, accountablePersonId: keeper.id })
  await expect(updateAgent(ctxFor(db, admin, later(29)), low)).rejects.toMatchObject(refused)
  // Whose it was longer ago, or never.
  await updateAgent(ctxFor(db, admin, later(31)), low)
  const security = await makePerson(db, { roles: ['security'] })
  await updateAgent(ctxFor(db, security, later(1)), { agentId: id, tier: 'high' })
})
