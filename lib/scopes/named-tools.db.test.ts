import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTemplate } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { approvalRuleInForce, endApprovalRule } from '#lib/dev/test/two-people.ts'
import { decideScopeRequest, requestScope, reviseScopeRequest } from './commands.ts'
import { getScopeRequest } from './queries.ts'
import { decideScopeRequestInput, requestScopeInput, reviseScopeRequestInput } from './schema.ts'
import { createApprovalRuleInput } from './schema/approval-policy.ts'

const now = new Date('2026-11-22T10:00:00Z')

async function scene(db: Db) {
  const templateId = await makeTemplate(db)
  const { id: agentId, teamId } = await makeAgent(db, { templateId })
  const serverId = await makeServer(db, { tools: { look: 'read', find: 'read', change: 'write', wipe: 'destructive' } })
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId] }), now)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  const ask = (more: object) =>
    requestScope(
      builder,
      requestScopeInput.parse({ agentId, serverId, class: 'write', days: 30, reason: 'to post corrections', ...more }),
    )
  const asked = async (more: object) => {
    const outcome = await ask(more)
    if (!outcome.ok) throw new Error(outcome.error.message)
    return outcome.value.requestId
  }
  const revise = (requestId: string, more: object) =>
    reviseScopeRequest(builder, reviseScopeRequestInput.parse({ requestId, ...more }))
  const approve = (requestId: string, more: object = {}) =>
    decideScopeRequest(security, decideScopeRequestInput.parse({ requestId, decision: 'approve', ...more }))
  const held = async () =>
    (await db.grant.findMany({ where: { agentId, revokedAt: null }, orderBy: { toolName: 'asc' } })).map(
      ({ toolName, class: toolClass }) => `${toolName} ${toolClass}`,
    )
  const show = (id: string) => getScopeRequest(security, id)
  return { templateId, agentId, serverId, ask, asked, revise, approve, held, show }
}

describe('a request of several tools', () => {
  dbTest('is one decision, and a grant of each tool with the class that it needs', async ({ db }) => {
    const { agentId, asked, approve, held, show } = await scene(db)
    const requestId = await asked({ toolNames: ['change', 'look'] })
    const before = await show(requestId)
    expect(before.context.tools.map(({ name, change }) => `${name} ${change}`)).toEqual(['change new', 'look new'])
    expect(before.context.blastRadius).toContain('1 write tool and 1 read tool')
    const outcome = await approve(requestId)
    expect(outcome).toMatchObject({ ok: true, value: { grantIds: [expect.any(String), expect.any(String)] } })
    expect(await held()).toEqual(['change write', 'look read'])
    expect((await show(requestId)).context.granted?.differences).toEqual([])
    const events = await auditOf(db, agentId)
    expect(events.map(({ event }) => event)).toEqual([
      'scope_request.created',
      'grant.created',
      'grant.created',
      'scope_request.approved',
    ])
    expect(events[0]!.detail).toMatchObject({ class: 'write', toolNames: ['change', 'look'] })
    expect(events.at(-1)!.detail).toMatchObject({ toolNames: ['change', 'look'] })
  })

  dbTest('is refused as a whole for one of them, by its name', async ({ db }) => {
    const { agentId, serverId, ask, asked, held } = await scene(db)
    const refused = (rule: string, text: string) => ({
      ok: false,
      error: { rule: `scopes:${rule}`, message: expect.stringContaining(text) },
    })
    expect(await ask({ toolNames: ['look', 'none'] })).toMatchObject(refused('tool_unknown', 'has no tool none'))
    expect(await ask({ toolNames: ['look', 'wipe'] })).toMatchObject(refused('tool_unknown', 'wipe is a destructive'))
    await makeGrant(db, { agentId, serverId, toolName: 'find' })
    expect(await ask({ toolNames: ['change', 'find'] })).toMatchObject(refused('already_held', 'find: the agent holds'))
    await asked({ toolNames: ['change'] })
    expect(await ask({ toolNames: ['look', 'change'] })).toMatchObject(refused('already_pending', 'change: the same'))
    expect(await ask({ toolNames: ['look'] })).toMatchObject({ ok: true })
    expect(() => requestScopeInput.parse({ toolNames: ['look', 'look'] })).toThrow(/each tool once/)
    expect(await held()).toEqual(['find read'])
  })

  dbTest('may be approved for some of them, and for no others', async ({ db }) => {
    const { asked, approve, held, show } = await scene(db)
    const requestId = await asked({ toolNames: ['change', 'look', 'find'] })
    await expect(approve(requestId, { toolNames: ['look', 'wipe'] })).rejects.toMatchObject({
      message: 'It was asked for change, look, find; grant of these.',
      details: { field: 'toolNames', rule: 'scopes:wider_than_asked' },
    })
    expect(await approve(requestId, { toolNames: ['look', 'find'] })).toMatchObject({ ok: true })
    expect(await held()).toEqual(['find read', 'look read'])
    expect((await show(requestId)).context.granted?.differences).toEqual([
      { field: 'class', asked: 'write', granted: 'read' },
      { field: 'tools', asked: 'change, find, look', granted: 'find, look' },
    ])
  })

  dbTest(
    'what was asked for as a class may be left as some of its tools, with its rate over all of them',
    async ({ db }) => {
      const { asked, approve, held } = await scene(db)
      const requestId = await asked({ rate: { calls: 10, per: 'minute' } })
      const two = { toolNames: ['change', 'look'] }
      await expect(approve(requestId, two)).rejects.toMatchObject({ details: { field: 'rate' } })
      expect(await approve(requestId, { ...two, rate: { calls: 5, per: 'minute' } })).toMatchObject({ ok: true })
      expect(await held()).toEqual(['change write', 'look read'])
    },
  )

  dbTest('a tool of another class than it had gives no more than was asked for', async ({ db }) => {
    const { serverId, asked, approve, held } = await scene(db)
    const requestId = await asked({ toolNames: ['change', 'look'] })
    const changed = { serverId, name: 'change' }
    await db.mcpTool.update({ where: { serverId_name: changed }, data: { class: 'destructive' } })
    await approve(requestId)
    expect(await held()).toEqual(['change write', 'look read'])
  })

  dbTest(
    'a tool that is gone meanwhile is granted to nobody: it refuses the whole, and may be left out',
    async ({ db }) => {
      const { serverId, asked, approve, held } = await scene(db)
      const requestId = await asked({ class: 'destructive', toolNames: ['wipe', 'look'] })
      await db.mcpTool.update({ where: { serverId_name: { serverId, name: 'look' } }, data: { state: 'removed' } })
      for (const more of [{}, { toolNames: ['look', 'wipe'] }]) {
        await expect(approve(requestId, more)).rejects.toMatchObject({
          code: 'conflict',
          message: 'look is no tool of this server any more: leave it out.',
          details: { field: 'toolNames', rule: 'scopes:tool_unknown' },
        })
      }
      expect(await held()).toEqual([])
      expect(await approve(requestId, { toolNames: ['wipe'] })).toMatchObject({ ok: true })
      expect(await held()).toEqual(['wipe destructive'])
    },
  )

  dbTest('is held by a peer that holds each of them, however it does', async ({ db }) => {
    const { templateId, serverId, asked, show } = await scene(db)
    const peer = async (...grants: object[]) => {
      const { id } = await makeAgent(db, { templateId })
      for (const grant of grants) await makeGrant(db, { agentId: id, serverId, ...grant })
      return id
    }
    const each = await peer({ toolName: 'look' }, { toolName: 'change', class: 'write' })
    const whole = await peer({ class: 'write' })
    await peer({ toolName: 'look' })
    await peer({ class: 'read' })
    const { peers } = await show(await asked({ toolNames: ['change', 'look'] }))
    expect(peers).toMatchObject({ total: 4, holding: 2 })
    expect(new Set(peers.examples.map(({ id }) => id))).toEqual(new Set([each, whole]))
  })
})

dbTest('nothing is had more easily by a wider class, or beside another tool, than alone', async ({ db }) => {
  const { agentId, serverId, ask, asked, revise, approve, held, show } = await scene(db)
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  const policy = async (rule: object) =>
    (await approvalRuleInForce(admin, createApprovalRuleInput.parse({ position: 5, ...rule }))).ruleId
  const two = { title: 'Reading', classes: ['read'], steps: [['security'], ['platform_admin']] }
  const rules = [await policy(two), await policy({ title: 'Writing', classes: ['write'], steps: [], daysMax: 30 })]
  const end = async () => {
    for (const ruleId of rules.splice(0)) await endApprovalRule(admin, { ruleId, reason: 'The test is over.' })
  }
  // As a tool of its own, beside one that is granted at once, and with the whole class.
  const one = await asked({ toolNames: ['look'] })
  const mixed = await asked({ toolNames: ['change', 'find'] })
  const whole = await asked({})
  expect(await held()).toEqual([])
  for (const id of [one, mixed, whole]) {
    expect((await show(id)).policy).toMatchObject({ ruleId: rules[0], daysMax: id === one ? null : 30 })
    expect(await approve(id)).toMatchObject({ ok: true, value: { grantIds: [], waitsFor: [['platform_admin']] } })
  }
  expect(await revise(one, { toolNames: ['wipe'], class: 'destructive' })).toMatchObject({ ok: true })
  expect(await ask({ toolNames: ['change'] })).toMatchObject({ error: { rule: 'scopes:already_pending' } })
  await revise(mixed, { toolNames: ['find'] })
  expect(await ask({ toolNames: ['change'] })).toMatchObject({ ok: true, value: { grantIds: [expect.any(String)] } })
  expect(await held()).toEqual(['change write'])
  // What other people are asked for meanwhile is not approved as one any more, but may be rejected.
  rules.push(await policy({ title: 'Money', position: 1, classes: ['write'], steps: [['finance']] }))
  expect((await show(whole)).decidable).toMatchObject({ allowed: false, refusal: { rule: 'scopes:asked_apart' } })
  expect(await approve(whole)).toMatchObject({ ok: false, error: { rule: 'scopes:asked_apart' } })
  const apart = { ok: false, error: { rule: 'scopes:asked_apart', message: expect.stringContaining('look: for read') } }
  await db.grant.deleteMany({ where: { agentId, serverId } })
  expect(await ask({ toolNames: ['change', 'look'] })).toMatchObject(apart)
  expect(await revise(mixed, { toolNames: ['change', 'look'] })).toMatchObject(apart)
  expect((await auditOf(db, agentId)).at(-1)).toMatchObject({
    event: 'scope_request.refused',
    rule: 'scopes:asked_apart',
  })
  await end()
})

dbTest(
  'tools that are named are asked for in no wider class than they need, and who decides sees it',
  async ({ db }) => {
    const { agentId, ask, revise, approve, held, show } = await scene(db)
    const wide = await ask({ class: 'destructive', toolNames: ['look', 'find'] })
    const says = 'look, find need read, so that is asked for instead of destructive.'
    expect(wide).toMatchObject({ ok: true, value: { class: 'read', says } })
    const { requestId } = wide.ok ? wide.value : { requestId: '' }
    expect(await show(requestId)).toMatchObject({
      class: 'read',
      context: { blastRadius: expect.not.stringContaining('delete') },
      history: [{ says: 'asked for it as destructive; its tools need read only' }],
    })
    expect((await auditOf(db, agentId)).at(-1)).toMatchObject({ detail: { class: 'read', askedClass: 'destructive' } })
    // The class may be left out, also of a change; then it is what the tools need.
    expect(await revise(requestId, { toolNames: ['look', 'change'] })).toMatchObject({
      ok: true,
      value: { class: 'write', says: null },
    })
    expect(await revise(requestId, { class: 'destructive' })).toMatchObject({ value: { class: 'write' } })
    expect((await show(requestId)).history.at(-1)?.says).toContain('as destructive; its tools need write only')
    expect(await approve(requestId, { revision: 3 })).toMatchObject({ ok: true })
    expect(await held()).toEqual(['change write', 'look read'])
    expect(await ask({ class: undefined, toolNames: ['wipe'] })).toMatchObject({
      value: { class: 'destructive', says: null },
    })
    expect(await ask({ class: undefined, toolNames: ['method:tasks', 'find'] })).toMatchObject({
      value: { class: 'read' },
    })
    expect(() => requestScopeInput.parse({ agentId, serverId: 's', reason: 'to see' })).toThrow(/Say which class/)
  },
)

dbTest('a class that covers what no rule fits is decided by one of security, too', async ({ db }) => {
  const { serverId, agentId, asked, approve, held, show } = await scene(db)
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }), now)
  const money = createApprovalRuleInput.parse({ title: 'Money', position: 1, classes: ['write'], steps: [['finance']] })
  const { ruleId } = await approvalRuleInForce(admin, money)
  const whole = await asked({})
  expect((await show(whole)).policy).toMatchObject({
    ruleId,
    says: expect.stringContaining('read, where no rule fits and one of security is asked'),
    steps: [{ roles: ['finance'] }, { roles: ['security'] }],
  })
  const byFinance = (requestId: string) =>
    decideScopeRequest(finance, decideScopeRequestInput.parse({ requestId, decision: 'approve' }))
  expect(await byFinance(whole)).toMatchObject({ ok: true, value: { grantIds: [], waitsFor: [['security']] } })
  expect(await byFinance(whole)).toMatchObject({ ok: false, error: { rule: 'scopes:approved_already' } })
  expect(await held()).toEqual([])
  expect(await approve(whole)).toMatchObject({ ok: true, value: { waitsFor: [] } })
  expect(await held()).toEqual(['null write'])
  await db.grant.deleteMany({ where: { agentId, serverId } })
  // By its name alone it is the rule of what it is.
  const one = await asked({ toolNames: ['change'] })
  expect((await show(one)).policy).toMatchObject({ ruleId, says: null, steps: [{ roles: ['finance'] }] })
  expect(await byFinance(one)).toMatchObject({ ok: true, value: { waitsFor: [] } })
  await endApprovalRule(admin, { ruleId, reason: 'The test is over.' })
})

dbTest('a tool of another class than when it was approved is decided by the rule of that one', async ({ db }) => {
  const { serverId, asked, approve, held, show } = await scene(db)
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  const steps = [['security'], ['platform_admin']]
  const two = createApprovalRuleInput.parse({ title: 'Reading', position: 1, classes: ['read'], steps })
  const { ruleId } = await approvalRuleInForce(admin, two)
  const requestId = await asked({ toolNames: ['change'] })
  expect((await show(requestId)).policy.ruleId).toBeNull()
  await db.mcpTool.update({ where: { serverId_name: { serverId, name: 'change' } }, data: { class: 'read' } })
  expect((await show(requestId)).policy.ruleId).toBe(ruleId)
  expect(await approve(requestId)).toMatchObject({ ok: true, value: { grantIds: [] } })
  expect(await held()).toEqual([])
  await endApprovalRule(admin, { ruleId, reason: 'The test is over.' })
})

dbTest('everything that is asked for can be taken off again until it is decided', async ({ db }) => {
  const { agentId, asked, revise, show } = await scene(db)
  const requestId = await asked({
    toolNames: ['change'],
    ticket: 'FIN-7',
    conditions: [{ pointer: '/amount', range: { max: 10 } }],
    rate: { calls: 5, per: 'hour' },
  })
  expect(await revise(requestId, { days: 7 })).toMatchObject({ ok: true })
  expect(await show(requestId)).toMatchObject({ ticket: 'FIN-7', toolNames: ['change'], rate: { calls: 5 } })
  const none = { toolNames: [], ticket: null, conditions: [], rate: null, days: null }
  expect(await revise(requestId, none)).toEqual({ ok: true, value: { revision: 3, class: 'write', says: null } })
  expect(await show(requestId)).toMatchObject(none)
  expect((await auditOf(db, agentId)).at(-1)).toMatchObject({
    event: 'scope_request.revised',
    detail: { before: { ticket: 'FIN-7', toolNames: ['change'] }, after: { ticket: null, toolNames: [] } },
  })
})
