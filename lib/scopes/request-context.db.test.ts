import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTemplate, testRendered } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { createApprovalRule, decideScopeRequest, removeApprovalRule, requestScope } from './commands.ts'
import { getScopeRequest, staleToolsets } from './queries.ts'
import { decideScopeRequestInput, requestScopeInput, type RequestScopeInput } from './schema.ts'
import { createApprovalRuleInput } from './schema/approval-policy.ts'

const now = new Date('2026-11-22T10:00:00Z')
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000)

async function scene(db: Db, wanted: Partial<RequestScopeInput> = {}) {
  const templateId = await makeTemplate(db)
  const { id: agentId, teamId } = await makeAgent(db, { templateId })
  const serverId = await makeServer(db, {
    environment: 'production',
    sensitivity: 'confidential',
    dataClasses: ['personal'],
  })
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId] }), now)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  const ask = async (more: Partial<RequestScopeInput> = {}) => {
    const input = { agentId, serverId, class: 'write', days: 30, reason: 'to post corrections', ...wanted, ...more }
    const asked = await requestScope(builder, requestScopeInput.parse(input))
    if (!asked.ok) throw new Error(asked.error.message)
    return asked.value.requestId
  }
  const show = (id: string) => getScopeRequest(security, id)
  return { templateId, agentId, teamId, serverId, builder, security, ask, show }
}

describe('the approver’s context', () => {
  dbTest('says what newly is reached, in words, and what is reached for the first time', async ({ db }) => {
    const { agentId, serverId, ask, show } = await scene(db)
    const elsewhere = await makeServer(db, { environment: 'staging' })
    await makeGrant(db, { agentId, serverId: elsewhere })
    const id = await ask()
    const { context, reaches } = await show(id)
    expect(reaches.map(({ name }) => name)).toEqual(['change', 'look'])
    expect(context.tools.map(({ name, change, before }) => [name, change, before])).toEqual([
      ['change', 'new', []],
      ['look', 'new', []],
    ])
    expect(context.elsewhere).toEqual({ servers: 1, tools: 1 })
    expect(context.firsts).toEqual([
      { kind: 'environment', value: 'production' },
      { kind: 'sensitivity', value: 'confidential' },
      { kind: 'data_class', value: 'personal' },
      { kind: 'class', value: 'write' },
    ])
    expect(context.blastRadius).toMatch(/change and read confidential data \(personal\) on .+, in production/)
    // Something it once held is not the first time, even when it ended.
    await makeGrant(db, { agentId, serverId, class: 'destructive', revokedAt: daysAgo(1), createdAt: daysAgo(9) })
    expect((await show(id)).context.firsts).toEqual([])
    await makeGrant(db, { agentId, serverId, class: 'read' })
    expect((await show(id)).context.tools.map(({ change }) => change)).toEqual(['new', 'none'])
  })

  dbTest('says what peers hold, within which limits, and how they use it', async ({ db }) => {
    const { templateId, serverId, ask, show } = await scene(db)
    const peers = [await makeAgent(db, { templateId }), await makeAgent(db, { templateId })]
    await makeAgent(db, { templateId, status: 'retired' })
    const conditions = [{ pointer: '/amount', range: { max: 10 } }]
    await makeGrant(db, { agentId: peers[0]!.id, serverId, class: 'write', conditions })
    const day = daysAgo(2)
    await db.agentToolDay.create({
      data: { agentId: peers[0]!.id, serverId, tool: 'change', day, calls: 4, lastAt: day },
    })
    const { context, peers: counted } = await show(await ask())
    expect(counted).toMatchObject({ templateId, total: 2, holding: 1 })
    expect(context.peers).toEqual({
      using: 1,
      items: [
        {
          id: peers[0]!.id,
          name: `Agent ${peers[0]!.id}`,
          calls: 4,
          lastUsedAt: day.toISOString(),
          limits: ['/amount is at most 10'],
          expiresAt: null,
        },
      ],
    })
  })

  dbTest('counts refusals of exactly these tools, and tells earlier requests with how they ended', async ({ db }) => {
    const { agentId, serverId, security, ask, show } = await scene(db, { class: 'read', toolNames: ['look'] })
    const earlier = await ask({ class: 'write', toolNames: [] })
    await decideScopeRequest(security, { requestId: earlier, decision: 'reject', note: 'Too much at once.' })
    const refusal = async (tool: string, at: Date, rule: string) => {
      const who = { actorKind: 'agent', actorId: agentId, actorName: agentId, subjectKind: 'agent', subjectId: agentId }
      const what = { event: 'mcp.call_denied', subjectName: agentId, agentId, serverId, tool, rule, decision: 'deny' }
      const seq = (await db.auditEvent.aggregate({ _max: { seq: true } }))._max.seq ?? 0n
      await db.auditEvent.create({
        data: { seq: seq + 1n, id: crypto.randomUUID(), at, ...who, ...what, detail: {} },
      })
      await db.auditHead.updateMany({ data: { seq: seq + 1n } })
    }
    await refusal('look', daysAgo(3), 'grant_missing')
    await refusal('look', daysAgo(2), 'grant_missing')
    await refusal('wipe', daysAgo(1), 'grant_missing')
    await refusal('look', daysAgo(31), 'grant_missing')
    const { context, denials30d } = await show(await ask())
    expect(denials30d).toBe(3)
    expect(context.denials).toEqual({
      count: 2,
      lastAt: daysAgo(2).toISOString(),
      rules: [{ rule: 'grant_missing', count: 2 }],
    })
    expect(context.earlier).toMatchObject({
      total: 1,
      items: [{ id: earlier, state: 'rejected', note: 'Too much at once.' }],
    })
  })

  dbTest('compares the last thirty days with those before, and what is not priced stays so', async ({ db }) => {
    const { agentId, ask, show } = await scene(db)
    const day = (ago: number, more: object) => db.agentDay.create({ data: { agentId, day: daysAgo(ago), ...more } })
    await day(0, { runs: 3, escalatedRuns: 1, costMicros: 500n })
    await day(29, { runs: 1, unpricedRequests: 2 })
    await day(30, { runs: 5, costMicros: 900n })
    await day(60, { runs: 7 })
    const { trend } = (await show(await ask())).context
    expect(trend.now).toMatchObject({ runs: 4, escalatedRuns: 1, costMicros: '500', unpricedRequests: 2 })
    expect(trend.before).toMatchObject({ runs: 5, costMicros: '900', unpricedRequests: 0 })
  })

  dbTest('shows the prompt that it was asked for with, and what has changed since', async ({ db }) => {
    const { agentId, templateId, ask, show } = await scene(db)
    const id = await ask()
    expect((await show(id)).context.prompt).toEqual({
      version: 1,
      currentVersion: 1,
      text: 'Be tested.',
      changes: null,
    })
    const rendered = testRendered({ system: 'Be tested.\nPay at once.' })
    const version = { version: 2, templateId, templateVersion: '1.0.0', digest: 'x', layer: {}, rendered }
    await db.agentVersion.create({ data: { agentId, ...version, rendered: JSON.parse(JSON.stringify(rendered)) } })
    await db.agent.update({ where: { id: agentId }, data: { currentVersion: 2 } })
    const { prompt, signals } = (await show(id)).context
    expect(prompt).toMatchObject({ version: 1, currentVersion: 2, text: 'Be tested.' })
    expect(prompt.changes).toContain('+ Pay at once.')
    expect(signals.map(({ about }) => about)).toContain('prompt')
  })

  dbTest('names stop orders that reach the agent or what it asks for', async ({ db }) => {
    const { serverId, ask, show } = await scene(db, { class: 'read' })
    const order = { reason: 'Leak.', orderedByName: 'Olga' }
    const id = await ask()
    await db.stopOrder.create({ data: { scope: 'tool', targetId: `${serverId}/wipe`, ...order } })
    expect((await show(id)).context.stops).toEqual([])
    await db.stopOrder.create({ data: { scope: 'tool', targetId: `${serverId}/look`, ...order } })
    expect((await show(id)).context.stops).toMatchObject([{ target: `${serverId}/look`, by: 'Olga' }])
  })
})

describe('narrowing', () => {
  dbTest(
    'leaves a class below or one tool of what was asked, and the requester sees the difference',
    async ({ db }) => {
      const { agentId, security, ask, show } = await scene(db, { class: 'destructive' })
      const requestId = await ask()
      const approve = (more: object) =>
        decideScopeRequest(security, decideScopeRequestInput.parse({ requestId, decision: 'approve', ...more }))
      await expect(approve({ class: 'read', toolNames: ['change'] })).rejects.toMatchObject({
        details: { field: 'toolNames', rule: 'scopes:wider_than_asked' },
      })
      await expect(approve({ toolNames: ['nothing'] })).rejects.toMatchObject({ details: { field: 'toolNames' } })
      expect(await approve({ toolNames: ['change'], days: 7 })).toMatchObject({ ok: true })
      const grant = await db.grant.findFirstOrThrow({ where: { requestId } })
      // One tool takes the class that it needs, not the one that was asked for.
      expect(grant).toMatchObject({ class: 'write', toolName: 'change' })
      expect((await show(requestId)).context.granted?.differences).toEqual([
        { field: 'class', asked: 'destructive', granted: 'write' },
        { field: 'tools', asked: 'every tool of the class', granted: 'change' },
        { field: 'days', asked: '30 days', granted: '7 days' },
      ])
      const approved = (await auditOf(db, agentId)).find(({ event }) => event === 'scope_request.approved')
      expect(approved?.detail).toMatchObject({ class: 'write', toolNames: ['change'] })
    },
  )

  dbTest('never widens, and the second approver decides about what the first one left', async ({ db }) => {
    const { security, serverId, ask, show } = await scene(db)
    const wide = await ask()
    const approve = (requestId: string, more: object) =>
      decideScopeRequest(security, decideScopeRequestInput.parse({ requestId, decision: 'approve', ...more }))
    await expect(approve(wide, { class: 'destructive' })).rejects.toMatchObject({ details: { field: 'class' } })
    const one = await ask({ toolNames: ['change'] })
    await expect(approve(one, { toolNames: ['look'] })).rejects.toMatchObject({ details: { field: 'toolNames' } })
    await expect(approve(one, { class: 'read' })).rejects.toMatchObject({ details: { field: 'class' } })
    const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
    const steps = [['security'], ['platform_admin']]
    const rule = createApprovalRuleInput.parse({
      title: 'Two people for personal data',
      dataClasses: ['personal'],
      steps,
    })
    const { ruleId } = await createApprovalRule(admin, rule)
    expect(await approve(wide, { class: 'read' })).toMatchObject({ ok: true, value: { grantIds: [] } })
    expect((await show(wide)).policy).toMatchObject({ title: rule.title, left: { class: 'read', toolNames: [] } })
    const decision = { requestId: wide, decision: 'approve' as const }
    await expect(decideScopeRequest(admin, { ...decision, class: 'write' })).rejects.toMatchObject({ code: 'invalid' })
    expect(await decideScopeRequest(admin, decision)).toMatchObject({ ok: true })
    expect(await db.grant.findFirst({ where: { serverId } })).toMatchObject({ class: 'read' })
    await removeApprovalRule(admin, { ruleId, reason: 'The test is over.' })
  })
})

describe('staleToolsets', () => {
  dbTest('names open sessions that list what was taken, and those that cannot list what came since', async ({ db }) => {
    const [erp, crm] = [await makeServer(db), await makeServer(db)]
    const rendered = testRendered({ mcpServers: [erp, crm].map((name) => ({ name, path: `/mcp/${name}` })) })
    const { id: agentId } = await makeAgent(db, { rendered })
    const ctx = ctxFor(db, undefined, now)
    const run = async (beganAt: Date, state: 'running' | 'succeeded' = 'running') => {
      const started = { createdAt: beganAt, startedAt: beganAt, trigger: 'manual' as const, input: '', simulated: true }
      return (await db.run.create({ data: { agentId, agentVersion: 1, state, ...started } })).id
    }
    await makeGrant(db, { agentId, serverId: erp, class: 'write', createdAt: daysAgo(9), revokedAt: daysAgo(2) })
    await makeGrant(db, { agentId, serverId: crm, createdAt: daysAgo(2) })
    const [before] = [await run(daysAgo(3)), await run(daysAgo(3), 'succeeded'), await run(daysAgo(1))]
    expect(await staleToolsets(ctx, agentId)).toEqual([
      {
        runId: before,
        state: 'running',
        agentVersion: 1,
        beganAt: daysAgo(3).toISOString(),
        lost: [{ serverId: erp, tools: ['change', 'look'], since: daysAgo(2).toISOString() }],
        gained: [{ serverId: crm, tools: ['look'] }],
      },
    ])
    await expect(staleToolsets(ctx, 'nobody')).rejects.toMatchObject({ code: 'not_found' })
    const agent = ctxFor(db, { kind: 'agent', id: agentId, name: agentId }, now)
    await expect(staleToolsets(agent, agentId)).rejects.toMatchObject({ code: 'forbidden' })
  })
})
