import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { agentRevision } from '#lib/registry/queries/revisions.ts'
import { unchangedSince } from '#lib/web/conditional.ts'
import { setAgentLimits } from './commands.ts'
import { getAgentLimits } from './queries/agent-limits.ts'
import { setAgentLimitsInput } from './schema/agent-limits.ts'

const reason = 'It reads whole tables.'
const none = {
  requestBytesMax: null,
  requestDepthMax: null,
  callDeadlineSeconds: null,
  resultBytesMax: null,
  resultDepthMax: null,
}

dbTest(
  'limits of an agent are set one by one by who may suspend it, with a reason, and each change is recorded once',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
    const ownLead = ctxFor(db, await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] }))
    expect(await getAgentLimits(onCall, agentId)).toEqual(none)
    await setAgentLimits(onCall, { agentId, resultBytesMax: 4096, callDeadlineSeconds: 20, reason })
    await setAgentLimits(onCall, { agentId, resultBytesMax: 4096, reason })
    const now = await setAgentLimits(ownLead, { agentId, callDeadlineSeconds: null, requestDepthMax: 16, reason })
    expect(now).toEqual({ ...none, resultBytesMax: 4096, requestDepthMax: 16 })
    expect(await getAgentLimits(ownLead, agentId)).toEqual(now)
    const events = (await auditOf(db, agentId)).filter(({ event }) => event === 'agent.limits_changed')
    expect(events.map(({ detail }) => detail)).toEqual([
      {
        before: { callDeadlineSeconds: null, resultBytesMax: null },
        after: { callDeadlineSeconds: 20, resultBytesMax: 4096 },
        reason,
      },
      {
        before: { requestDepthMax: null, callDeadlineSeconds: 20 },
        after: { requestDepthMax: 16, callDeadlineSeconds: null },
        reason,
      },
    ])
  },
)

dbTest(
  'whoever may not suspend the agent changes no limit of it, and nobody those of a retired one',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const input = { agentId, resultBytesMax: 4096, reason }
    const builder = ctxFor(db, await makePerson(db, { teamIds: [teamId] }))
    const otherLead = ctxFor(db, await makePerson(db, { roles: ['team_lead'] }))
    for (const nobody of [builder, otherLead]) {
      await expect(setAgentLimits(nobody, input)).rejects.toMatchObject({ code: 'forbidden' })
    }
    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
    await expect(setAgentLimits(onCall, { ...input, agentId: 'none' })).rejects.toMatchObject({ code: 'not_found' })
    await expect(getAgentLimits(onCall, 'none')).rejects.toMatchObject({ code: 'not_found' })
    await db.agent.update({ where: { id: agentId }, data: { status: 'retired' } })
    await expect(setAgentLimits(onCall, input)).rejects.toMatchObject({
      code: 'conflict',
      details: { rule: 'lifecycle:retired' },
    })
    expect(await getAgentLimits(onCall, agentId)).toEqual(none)
  },
)

dbTest('of two who change limits that both have seen, one does, and the other looks again', async ({ db }) => {
  const { id: agentId } = await makeAgent(db)
  const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
  const seen = (await agentRevision(db, agentId, false))!
  const asSeen = () => unchangedSince(onCall, { read: agentRevision, id: agentId }, seen)
  const outcomes = await Promise.allSettled([
    setAgentLimits(asSeen(), { agentId, resultDepthMax: 5, reason }),
    setAgentLimits(asSeen(), { agentId, resultDepthMax: 50, reason }),
  ])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'precondition_failed' },
  })
})

dbTest('what no agent could work with, or is more than any may have, is refused by its name', async () => {
  const wrong = { requestBytesMax: 1000, requestDepthMax: 7, callDeadlineSeconds: 601, resultBytesMax: 0 }
  const parsed = setAgentLimitsInput.safeParse({ agentId: 'a', reason, ...wrong })
  expect(parsed.error?.issues.map(({ path }) => path[0])).toEqual(Object.keys(wrong))
})
