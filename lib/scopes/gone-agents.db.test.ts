import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { decideScopeRequest, requestScope, reviseScopeRequest } from './commands.ts'
import { requestScopeInput } from './schema.ts'

const now = new Date('2026-11-22T10:00:00Z')

dbTest(
  'nothing is asked, changed or approved for an agent that is retired or unknown; one that is suspended gets what holds when it goes on',
  async ({ db }) => {
    const [{ id: agentId, teamId }, serverId] = [await makeAgent(db), await makeServer(db)]
    const ctx = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId] }), now)
    const approver = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    const input = requestScopeInput.parse({
      agentId,
      serverId,
      class: 'write',
      days: 30,
      reason: 'to post corrections',
    })
    const pending = await requestScope(ctx, input)
    if (!pending.ok) throw new Error(pending.error.message)
    const { requestId } = pending.value
    const elsewhere = requestScopeInput.parse({ ...input, serverId: await makeServer(db) })
    const attempts = async () => {
      const asked = await requestScope(ctx, elsewhere)
      const revised = await reviseScopeRequest(ctx, { requestId, days: 7 })
      const revision = revised.ok ? revised.value.revision : 1
      const approved = await decideScopeRequest(approver, { requestId, revision, decision: 'approve' })
      return [asked, revised, approved].map((outcome) => (outcome.ok ? 'done' : outcome.error.rule))
    }
    await db.agent.update({ where: { id: agentId }, data: { status: 'retired' } })
    expect(await attempts()).toEqual(Array(3).fill('scopes:agent_retired'))
    expect((await auditOf(db, agentId)).filter(({ rule }) => rule === 'scopes:agent_retired')).toHaveLength(3)
    expect(await decideScopeRequest(approver, { requestId, decision: 'reject', note: 'It is gone.' })).toMatchObject({
      ok: true,
    })
    await db.scopeRequest.update({ where: { id: requestId }, data: { state: 'pending' } })
    await db.agent.update({ where: { id: agentId }, data: { status: 'suspended' } })
    expect(await attempts()).toEqual(['done', 'done', 'done'])
    expect(await db.grant.count({ where: { agentId, serverId } })).toBe(1)
    const unknown = requestScope(ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now), {
      ...input,
      agentId: 'nobody',
    })
    await expect(unknown).rejects.toMatchObject({ code: 'not_found' })
    const nothing = crypto.randomUUID()
    await expect(reviseScopeRequest(ctx, { requestId: nothing, days: 7 })).rejects.toMatchObject({ code: 'not_found' })
    await expect(decideScopeRequest(approver, { requestId: nothing, decision: 'approve' })).rejects.toMatchObject({
      code: 'not_found',
    })
  },
)
