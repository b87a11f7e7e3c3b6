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
