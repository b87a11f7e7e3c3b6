import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import type { AuditEntry } from '#lib/audit/events.ts'
import { inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { createHoldRule, openHoldBypass } from './commands.ts'
import { explainDecision } from './queries/explanation/decision.ts'
import { createHoldRuleInput } from './schema/held-calls.ts'

test('a bypass is named where it turned a decision, and only that of a rule for the call', async ({ db }) => {
  await enforcePolicies(db, [permitsGranted])
  const [{ id: agentId }, serverId, ctx] = [await makeAgent(db), await makeServer(db), ctxFor(db)]
  await makeGrant(db, { agentId, serverId })
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const rule = { title: 'Reads wait', serverId, deciderRoles: ['security' as const] }
  const { ruleId } = await createHoldRule(security, createHoldRuleInput.parse(rule))
  const elsewhere = { ...rule, serverId: await makeServer(db) }
  const other = await createHoldRule(security, createHoldRuleInput.parse(elsewhere))
  const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: false } as const
  const { id: runId } = await db.run.create({ data: { ...run, requestedById: security.actor.id } })
  const subject = { kind: 'tool', id: `${serverId}/look`, name: 'look' }
  const detail = { heldCallId: crypto.randomUUID(), digest: 'd', ruleTitle: 'Reads wait', expiresAt: '' }
  const of = { agentId, serverId, tool: 'look', subject, detail }
  const id = await record(db, { event: 'call.held', decision: 'hold', ...of, runId })
  const ofNobodyKnown = await record(db, { event: 'call.held', decision: 'hold', ...of })
  const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }), new Date(Date.now() + 60_000))
  const opened = { agentId: null, minutes: 30, reason: 'The queue of reads is full.' }
  await openHoldBypass(onCall, { ruleId: other.ruleId, ...opened })
  expect(await openHoldBypass(onCall, { ruleId, ...opened })).toMatchObject({ ok: true })
  const explained = async (id: string) =>
    (await explainDecision({ ...ctx, now: new Date(onCall.now.getTime() + 1000) }, { id })).now
  expect(await explained(ofNobodyKnown)).toMatchObject({ outcome: 'held', differs: false })
  expect(await explained(id)).toMatchObject({
    outcome: 'allowed',
    differs: true,
    because: [{ event: 'hold_bypass.opened' }],
  })
})

async function record(db: Db, entry: AuditEntry): Promise<string> {
  await inTx(ctxFor(db), async (tx, ctx) => recordAudit(tx, ctx, entry))
  const last = await db.auditEvent.findFirstOrThrow({ where: { event: entry.event }, orderBy: { seq: 'desc' } })
  return last.id
}
