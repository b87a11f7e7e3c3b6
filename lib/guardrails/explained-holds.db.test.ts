import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall, endHeldCalls, holdCall } from './commands.ts'
import { explainStoredRule } from './queries.ts'
import { explainDecision } from './queries/explanation/decision.ts'
import { simulate } from './queries/explanation/simulate.ts'
import { createHoldRuleInput } from './schema/held-calls.ts'

const title = 'Reads of payroll wait'

async function held(db: Db) {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  await makeGrant(db, { agentId, serverId })
  const security = ctxFor(db, await makePerson(db, { roles: ['security'], name: 'Grace Rules' }))
  const given = { title, serverId, deciderRoles: ['security', 'on_call'], decideSeconds: 600 } as const
  const { ruleId } = await createHoldRule(security, createHoldRuleInput.parse(given))
  const exact = { agentId, agentVersion: 1, runId: null, serverId, tool: 'look', definitionHash: 'h' }
  const call = { ...exact, policyVersion: 'v1', arguments: { word: crypto.randomUUID() } }
  const rule = { ...given, id: ruleId, excludedDeciders: [], onTimeout: 'deny' } as const
  const { heldCallId, expiresAt } = await holdCall(ctxFor(db), { source: 'broker', call, class: 'read', rule })
  const eventOf = async (event: string) => await db.auditEvent.findFirstOrThrow({ where: { event, agentId } })
  return { agentId, serverId, security, ruleId, rule, call, heldCallId, expiresAt, eventOf }
}

dbTest('what is held is explained by its rule: who made it, who decides until when, and where', async ({ db }) => {
  const { agentId, serverId, security, ruleId, heldCallId, expiresAt, eventOf } = await held(db)
  const row = await eventOf('call.held')
  const until = expiresAt.toISOString()
  const facts = { heldCall: heldCallId, holdRule: ruleId, deciders: 'Security, On-call', decideUntil: until }
  expect(row).toMatchObject({
    decision: 'hold',
    rule: `hold:${ruleId}`,
    detail: { heldCallId, class: 'read', step: 'hold', facts },
  })
  const explained = await explainDecision(security, { id: row.id })
  expect(explained).toMatchObject({
    outcome: 'held',
    rule: `hold:${ruleId}`,
    title,
    step: 'hold',
    about: { class: 'read' },
    facts,
    setBy: { by: { name: 'Grace Rules' } },
    changedBy: { roles: ['security', 'platform_admin'] },
    remedy: `It is decided by Security, On-call until ${until}; if nobody does, it is refused.`,
    now: { outcome: 'held', rule: `hold:${ruleId}`, differs: false },
  })
  expect(explained.changedBy?.people.map(({ name }) => name)).toContain('Grace Rules')
  expect(explained.next[0]).toEqual({ link: paths.approval(heldCallId), label: 'The held call' })
  const simulated = await simulate(security, { agentId, serverId, tool: 'look' })
  expect(simulated).toMatchObject({ outcome: 'held', rule: `hold:${ruleId}`, title, facts: { holdRule: ruleId } })
  expect(simulated.remedy).toBe('It is decided by Security, On-call within 10 minutes; if nobody does, it is refused.')
  expect(await explainStoredRule(security, `hold:${ruleId}`)).toMatchObject({
    title,
    remedy: expect.stringMatching(/\.$/),
  })
  expect(await explainStoredRule(security, 'hold:nothing')).toMatchObject({ title: 'A rule that holds calls' })

  const decision = { heldCallId, decision: 'reject', note: 'Ask payroll first.' } as const
  expect(await decideHeldCall(security, decision)).toMatchObject({ ok: true })
  expect((await explainDecision(security, { id: row.id })).remedy).toBe('It was rejected.')
})

dbTest(
  'a release of before recorded neither rule nor facts of what it held, and it is explained all the same',
  async ({ db }) => {
    const { agentId, serverId, security, ruleId, heldCallId } = await held(db)
    const detail = { heldCallId, digest: 'd', ruleTitle: title, expiresAt: new Date().toISOString() }
    const subject = { kind: 'tool', id: `${serverId}/look`, name: 'look' }
    const about = { subject, agentId, serverId, tool: 'look' }
    await inTx(ctxFor(db), async (tx, ctx) =>
      recordAudit(tx, ctx, { event: 'call.held', ...about, decision: 'hold', detail }),
    )
    const last = await db.auditEvent.findFirstOrThrow({
      where: { event: 'call.held', agentId },
      orderBy: { seq: 'desc' },
    })
    expect(last.rule).toBeNull()
    expect(await explainDecision(security, { id: last.id })).toMatchObject({
      rule: `hold:${ruleId}`,
      title,
      facts: { holdRule: ruleId, deciders: 'Security, On-call' },
      remedy: expect.stringContaining('Security, On-call'),
    })
  },
)

dbTest('what nobody decided in time names who gave the time, and what was rejected who rejected it', async ({ db }) => {
  const one = await held(db)
  const late = ctxFor(db, undefined, new Date(one.expiresAt.getTime() + 1))
  expect(await endHeldCalls(late)).toBeGreaterThan(0)
  const expired = await one.eventOf('call.expired')
  expect(await explainDecision(one.security, { id: expired.id })).toMatchObject({
    outcome: 'refused',
    rule: 'call_hold_expired',
    facts: { heldCall: one.heldCallId, holdRule: one.ruleId },
    setBy: { by: { name: 'Grace Rules' } },
  })

  const other = await held(db)
  const decider = ctxFor(db, await makePerson(db, { roles: ['on_call'], name: 'Otto Call' }))
  const decision = { heldCallId: other.heldCallId, decision: 'reject', note: 'Ask payroll first.' } as const
  expect(await decideHeldCall(decider, decision)).toMatchObject({ ok: true })
  const rejected = await other.eventOf('call.rejected')
  expect(await explainDecision(other.security, { id: rejected.id })).toMatchObject({
    rule: 'call_rejected',
    facts: { holdRule: other.ruleId },
    setBy: { by: { name: 'Otto Call' }, reason: 'Ask payroll first.' },
  })
})
