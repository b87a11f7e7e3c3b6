import { expect } from 'vitest'
import { createDelegation } from '#lib/delegation/commands.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { decideHeldCall, holdCall, settleHeldCall } from './commands.ts'
import { getHeldCall } from './queries/held-calls.ts'

const now = new Date('2026-11-26T09:00:00Z')

dbTest(
  'who stands in decides about a held call only what both could, and the approval is still of that exact call',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const call = { ...exactCall({ agentId, serverId: await makeServer(db) }), inputResponses: null }
    const rule = {
      id: null,
      title: 'Posts wait',
      deciderRoles: ['team_lead'],
      excludedDeciders: [],
      decideSeconds: 600,
      onTimeout: 'deny' as const,
    }
    const { heldCallId } = await holdCall(ctxFor(db, undefined, now), { source: 'broker', call, class: 'write', rule })
    const lead = () => makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
    const [maya, sam, owner, deputy] = [await lead(), await lead(), await lead(), await lead()]
    await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: owner.id } })
    const away = async (who: typeof maya, to: typeof maya) => {
      const input = { delegateId: to.id, endsAt: '2026-11-28T09:00:00Z', reason: 'On leave.' }
      expect(await createDelegation(ctxFor(db, who, now), input)).toMatchObject({ ok: true })
    }
    const approve = (who: typeof maya, absent: typeof maya) =>
      decideHeldCall(ctxFor(db, who, now), { heldCallId, decision: 'approve', forPersonId: absent.id })

    expect(await approve(sam, maya)).toMatchObject({ error: { rule: 'approvals:not_standing_in' } })
    await away(owner, deputy)
    expect(await approve(deputy, owner)).toMatchObject({ error: { rule: 'approvals:own_agent' } })
    expect((await getHeldCall(ctxFor(db, deputy, now), heldCallId)).standIns).toEqual([])
    await away(maya, sam)
    expect((await getHeldCall(ctxFor(db, sam, now), heldCallId)).standIns).toMatchObject([{ person: { id: maya.id } }])
    expect(await approve(sam, maya)).toMatchObject({ ok: true, value: { state: 'approved' } })
    expect(await getHeldCall(ctxFor(db, sam, now), heldCallId)).toMatchObject({
      decidedBy: { id: sam.id },
      decidedFor: { id: maya.id },
    })
    const approved = (await auditOf(db, agentId)).find(({ event }) => event === 'call.approved')
    expect(approved?.detail).toMatchObject({ standsInFor: { id: maya.id } })
    const settled = await settleHeldCall(ctxFor(db, undefined, now), { heldCallId, call, by: 'broker' })
    expect(settled).toMatchObject({ end: 'released' })
  },
)
