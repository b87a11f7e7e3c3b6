import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { moveAgents } from '../commands.ts'
import { bulkEligibility } from '../queries.ts'

dbTest('of several agents those are moved that may be, each is recorded, and the rest says why not', async ({ db }) => {
  const team = await makeTeam(db)
  const lead = ctxFor(db, await makePerson(db, { roles: ['team_lead'], teamIds: [team] }))
  const active = await makeAgent(db, { ownerTeamId: team })
  const suspended = await makeAgent(db, { ownerTeamId: team, status: 'suspended' })
  const others = await makeAgent(db)
  const agentIds = [active.id, suspended.id, others.id, 'nobody']
  const eligible = await bulkEligibility(lead, { agentIds, move: 'suspend' })
  expect(eligible.eligible).toEqual([active.id])
  expect(eligible.refused.map(({ agentId }) => agentId)).toEqual([suspended.id, others.id, 'nobody'])
  const outcome = await moveAgents(lead, { agentIds, move: 'suspend', reason: 'a test' })
  expect(outcome.moved).toEqual(eligible.eligible)
  expect(outcome.refused.map(({ agentId }) => agentId)).toEqual(eligible.refused.map(({ agentId }) => agentId))
  expect((await auditOf(db, active.id)).map(({ event }) => event)).toContain('agent.suspended')
  expect((await moveAgents(lead, { agentIds, move: 'resume', reason: 'over' })).moved).toEqual([
    active.id,
    suspended.id,
  ])
  await expect(
    moveAgents(ctxFor(db, await makePerson(db)), { agentIds, move: 'suspend', reason: 'x' }),
  ).rejects.toMatchObject({ code: 'forbidden' })
  await expect(moveAgents(lead, { agentIds, move: 'suspend', reason: '' })).rejects.toThrow()
})

dbTest(
  'of suspended agents those that nobody answers for are told before, as they are refused after',
  async ({ db }) => {
    const team = await makeTeam(db)
    const now = new Date('2026-11-22T10:00:00Z')
    const lead = ctxFor(db, await makePerson(db, { roles: ['team_lead'], teamIds: [team] }), now)
    const gone = await makePerson(db, { teamIds: [team] })
    await db.person.update({ where: { id: gone.id }, data: { active: false } })
    const suspended = { ownerTeamId: team, status: 'suspended' } as const
    const over = await makeAgent(db, { ...suspended, accountablePersonId: gone.id })
    const inGrace = await makeAgent(db, { ...suspended, accountablePersonId: gone.id })
    const answered = await makeAgent(db, suspended)
    const orphaned = (agentId: string, ms: number) => {
      const suspendAt = new Date(now.getTime() + ms)
      return { agentId, personId: gone.id, because: 'admin', since: new Date(0), suspendAt }
    }
    // The record of who answers again is ended a little later; it does not count until then.
    const data = [orphaned(over.id, 0), orphaned(inGrace.id, 1), orphaned(answered.id, -1)]
    await db.orphanedAgent.createMany({ data })
    const agentIds = [over.id, inGrace.id, answered.id]
    const said = await bulkEligibility(lead, { agentIds, move: 'resume' })
    expect(said.eligible).toEqual([inGrace.id, answered.id])
    expect(said.refused).toMatchObject([
      { agentId: over.id, message: expect.stringContaining('take it over') as string },
    ])
    const done = await moveAgents(lead, { agentIds, move: 'resume', reason: 'a test' })
    expect([done.moved, done.refused]).toEqual([said.eligible, said.refused])
  },
)
