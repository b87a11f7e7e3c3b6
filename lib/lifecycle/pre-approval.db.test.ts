import { expect, onTestFinished } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { approvalRuleInForce, endApprovalRule } from '#lib/dev/test/two-people.ts'
import { getAgent } from '#lib/registry/queries.ts'
import { removeApprovalRule } from '#lib/scopes/commands.ts'
import { listScopeRequests } from '#lib/scopes/queries.ts'
import { createApprovalRuleInput } from '#lib/scopes/schema/approval-policy.ts'
import { applyManifest, createAgent, previewAgent, refuseManifestProblems } from './commands.ts'
import { readingPolicy } from './queries/reading-policy.ts'

const now = new Date('2026-11-22T10:00:00Z')
const slugOf = () => `agent-${crypto.randomUUID().slice(0, 8)}`

/** A template that pre-approves reading a server with restricted data, and what a rule says about that. */
async function scene(db: Db, rule: object) {
  const { draft, builder, lead } = await makeWorkshop(db)
  const serverId = await makeServer(db, { sensitivity: 'restricted' })
  const template = await makeTemplate(db, {
    scopes: [{ server: serverId, class: 'read', required: true, approval: 'auto', reason: 'to do its work' }],
  })
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  const policy = createApprovalRuleInput.parse({ title: 'Restricted data', sensitivities: ['restricted'], ...rule })
  const { ruleId } = await approvalRuleInForce(admin, policy)
  const id = slugOf()
  const input = draft(id, { templateId: template.id })
  let ended: Promise<unknown> | null = null
  const end = () => (ended ??= endApprovalRule(admin, { ruleId, reason: 'The test is over.' }))
  // However it ends: the rule would judge what the next test asks for.
  onTestFinished(async () => void (await end()))
  return { serverId, admin, builder: ctxFor(db, builder, now), lead: ctxFor(db, lead, now), id, input, end, ruleId }
}

dbTest(
  'a template pre-approves nothing for which a rule asks people: that is said before, and asked for',
  async ({ db }) => {
    const steps = [['security'], ['platform_admin']]
    const { serverId, builder, id, input, end } = await scene(db, { classes: ['read'], steps })
    const because = 'The template pre-approves it, but the approval policy asks a person: “Restricted data”.'
    expect(await previewAgent(builder, input)).toMatchObject({ grants: [], requests: [{ serverId, because }] })
    const facts = { environment: 'development' as const, dataClasses: [] }
    const asks = await readingPolicy(builder)
    expect(asks({ ...facts, sensitivity: 'restricted' }).medium).toBe('Restricted data')
    expect(asks({ ...facts, sensitivity: 'internal' }).medium).toBeNull()
    await createAgent(builder, input)
    expect((await getAgent(builder, id)).access).toEqual([])
    expect((await listScopeRequests(builder, { agentId: id })).items).toMatchObject([
      { server: { id: serverId }, state: 'pending' },
    ])
    expect((await auditOf(db, id)).map(({ event }) => event)).not.toContain('grant.created')
    await end()
    // Where no rule fits, the template's own policy holds.
    expect(await previewAgent(builder, { ...input, id: slugOf() })).toMatchObject({
      grants: [{ serverId, days: null }],
      requests: [],
    })
  },
)

dbTest('nobody alone ends a rule that asks people for what a template pre-approves', async ({ db }) => {
  const { serverId, admin, ruleId, builder, id, input, end } = await scene(db, {
    classes: ['read'],
    steps: [['security']],
  })
  const reason = 'Reading is harmless.'
  for (let again = 0; again < 2; again += 1) {
    expect(await removeApprovalRule(admin, { ruleId, reason })).toEqual({ removed: false, waits: true })
  }
  expect((await auditOf(db, ruleId)).at(-1)).toMatchObject({ event: 'approval_rule.end_asked' })
  expect(await previewAgent(builder, input)).toMatchObject({ grants: [], requests: [{ serverId }] })
  await createAgent(builder, input)
  expect((await getAgent(builder, id)).access).toEqual([])
  await end()
  expect(await db.approvalRule.findUniqueOrThrow({ where: { id: ruleId } })).toMatchObject({ removedAt: now })
})

dbTest(
  'what the policy approves by itself is granted for as long as its rule says, and is not granted twice',
  async ({ db }) => {
    const { serverId, lead, id, input } = await scene(db, { classes: ['read'], steps: [], daysMax: 14 })
    const [planned] = (await previewAgent(lead, input)).grants
    expect(planned).toMatchObject({ serverId, days: 14 })
    expect(planned?.because).toContain('for 14 days at most by “Restricted data”')
    await createAgent(lead, input)
    const ends = [{ serverId, via: 'template', expiresAt: '2026-12-06T10:00:00.000Z' }]
    expect((await getAgent(lead, id)).access).toMatchObject(ends)
    // A file that lists it without an end asks for nothing more while it is held.
    await db.agent.update({ where: { id }, data: { status: 'active' } })
    const file = `id: ${id}\nmcp_scopes:\n  ${serverId}: [read]\n`
    refuseManifestProblems(await applyManifest(lead, file))
    expect((await getAgent(lead, id)).access).toMatchObject(ends)
    expect(await db.grant.count({ where: { agentId: id } })).toBe(1)
    expect(await db.scopeRequest.count({ where: { agentId: id } })).toBe(0)
  },
)
