import { expect, test } from 'vitest'
import { auditEventNames } from '#lib/audit/queries.ts'
import { kindFacts, kinds, modesOf } from '../schema/kinds.ts'
import { tellingOf, toldEvents } from './tellers.ts'

const event = {
  seq: '7',
  id: 'e',
  at: '2026-11-26T09:00:00.000Z',
  actor: { kind: 'person', id: 'p', name: 'Maya' },
  subject: { kind: 'agent', id: 'poster', name: 'Invoice\nposter' },
  agentId: 'poster',
  serverId: 'erp',
  tool: null,
  runId: null,
  decision: null,
  rule: null,
  requestId: null,
}

test('people are told of events that exist, and of no call that goes through', () => {
  expect(toldEvents().filter((name) => !auditEventNames.includes(name))).toEqual([])
  expect(tellingOf({ ...event, event: 'mcp.call_allowed', detail: {} })).toBeNull()
})

test('a title is one line of plain words, and says who, what and for whom', () => {
  const detail = { requestId: 'r', class: 'write', toolName: null, days: 7, reason: 'to post', limits: [] }
  expect(tellingOf({ ...event, event: 'scope_request.created', detail })).toMatchObject({
    title: 'Maya asks for write on erp for Invoice poster',
    body: 'to post\nFor 7 days.',
    path: '/requests/r',
    thread: 'request:r',
  })
  expect(tellingOf({ ...event, event: 'scope_request.created', detail: { ...detail, days: 1 } })?.body).toBe(
    'to post\nFor 1 day.',
  )
  const long = { requestId: 'r', note: 'x'.repeat(5000) }
  expect(tellingOf({ ...event, event: 'scope_request.changes_requested', detail: long })?.body).toHaveLength(1000)
})

test('what waits for somebody and stops cannot be switched off in the inbox', () => {
  const fixed = kinds.filter((kind) => modesOf(kind, 'inbox', new Set()).length === 1)
  expect(fixed).toEqual(kinds.filter((kind) => kindFacts[kind].always))
  expect(fixed).toEqual(expect.arrayContaining(['request_waits', 'call_waits', 'stop']))
})

test('what rules became, and what the approval policy granted by itself, is told', () => {
  const subject = { kind: 'approval_rule', id: 'r', name: 'Reading at once' }
  const ofRule = { ...event, agentId: null, subject }
  const told = (name: string, detail: Record<string, unknown>) => tellingOf({ ...ofRule, event: name, detail })
  expect(told('approval_rule.removed', { ruleId: 'r', reason: 'It is not needed.' })).toMatchObject({
    kind: 'rule_change',
    title: 'The rule “Reading at once” was removed',
    body: 'Maya: It is not needed.',
    audiences: [{ to: 'holders', of: 'approvals:manage' }],
  })
  for (const [name, of] of [
    ['approval_rule.created', 'approvals:manage'],
    ['approval_rule.confirmed', 'approvals:manage'],
    ['hold_rule.created', 'holds:manage'],
    ['hold_rule.removed', 'holds:manage'],
    ['approval_rule.end_withdrawn', 'approvals:manage'],
    ['hold_rule.end_withdrawn', 'holds:manage'],
  ] as const) {
    expect(told(name, { ruleId: 'r', reason: 'so' })).toMatchObject({ audiences: [{ to: 'holders', of }] })
  }
  const detail = { requestId: 'q', approvalRule: 'Reading at once', class: 'read', expiresAt: null }
  expect(tellingOf({ ...event, event: 'scope_request.auto_approved', detail })).toMatchObject({
    kind: 'grant',
    title: 'read on erp for Invoice poster was granted by the approval policy',
    body: 'By the rule “Reading at once”, until revoked; nobody was asked.',
    audiences: [{ to: 'owners', agentId: 'poster' }],
  })
})

test('what policies are tried by is told of to who sets it: what changed, what waits, and what does so no more', () => {
  const subject = { kind: 'policy_trial_terms', id: '1', name: 'What a policy set is tried by' }
  const before = { logOnlyMinutes: 60, logOnlyCalls: 1 }
  const change = { before, after: { logOnlyMinutes: 30, logOnlyCalls: 2 } }
  const told = (name: string, detail: Record<string, unknown>) =>
    tellingOf({ ...event, agentId: null, subject, event: `policy_trial_terms.${name}`, detail })
  expect(told('proposed', change)).toMatchObject({
    title: 'Maya asks for a second person: “What a policy set is tried by” is to be less',
    body: 'In log-only for 30 minutes and 2 calls instead of 60 minutes and 1 call. It is less than the defaults, so it holds when somebody else confirms it.',
  })
  const titles = [
    told('changed', change),
    told('confirmed', { ...change, proposedBy: 'Ada' }),
    told('withdrawn', change.after),
  ].map((telling) => {
    expect(telling).toMatchObject({
      kind: 'rule_change',
      path: '/guardrails',
      audiences: [{ to: 'holders', of: 'policies:manage' }],
    })
    return telling!.title.replace('The rule “What a policy set is tried by” ', '')
  })
  expect(titles).toEqual(['was changed', 'was confirmed and holds', 'stays as it is'])
})

test('a lower fact of a server or tool is told of to who may confirm it, where they do, and what became of it', () => {
  const subject = { kind: 'server', id: 'erp', name: 'ERP' }
  const detail = { looseningId: 'l', what: 'environment', before: 'production', after: 'staging', reason: null }
  expect(tellingOf({ ...event, subject, event: 'server.loosening_proposed', detail })).toMatchObject({
    title: 'Maya asks for a second person: ERP, environment staging instead of production',
    path: '/servers/erp',
    audiences: [{ to: 'holders', of: 'servers:manage' }],
  })
  const ofTool = { ...event, subject, tool: 'post' }
  const lower = { ...detail, what: 'tool_class', before: 'write', after: 'read', reason: 'It only looks.' }
  expect(tellingOf({ ...ofTool, event: 'server.loosening_proposed', detail: lower })).toMatchObject({
    title: 'Maya asks for a second person: ERP, post is read instead of write',
    path: '/servers/erp/tools/post',
  })
  for (const [how, body] of [
    ['withdrawn', 'Maya took it back.'],
    ['replaced', 'Something else was said of it since.'],
  ]) {
    const ended = { looseningId: 'l', how }
    expect(tellingOf({ ...ofTool, event: 'server.loosening_ended', detail: ended })).toMatchObject({
      title: 'What was proposed of post waits for nobody any more',
      body,
      audiences: [{ to: 'holders', of: 'servers:manage' }],
    })
  }
})

test('a confirmed loosening is told as what it is: a fact that controls are chosen by, or a guard', () => {
  const told = (what?: string) => {
    const detail = { looseningId: 'l', ...(what ? { what } : {}) }
    const subject = { kind: 'server', id: 'erp', name: 'ERP' }
    return tellingOf({ ...event, subject, event: 'server.loosening_confirmed', detail })
  }
  expect(told('environment')).toMatchObject({
    title: 'Maya confirmed what was proposed of ERP',
    body: 'Approval rules, hold rules and policies choose by it from now on.',
  })
  for (const what of ['mask_secrets', 'boundary', undefined]) expect(told(what)?.body).toBe('It counts from now on.')
})

test('the owners of an agent are told that its calls are limited, and that they are not any more', () => {
  const limited = { before: null, after: 1, reason: 'It asks in a loop.' }
  expect(tellingOf({ ...event, event: 'agent.calls_limited', detail: limited })).toMatchObject({
    kind: 'agent_state',
    title: 'Invoice poster was slowed down',
    body: 'Maya: It asks in a loop.\nAt most 1 call a second at all brokers together.',
    path: '/agents/poster/scopes',
    audiences: [{ to: 'owners', agentId: 'poster' }],
  })
  const free = { before: 1, after: null, reason: 'It was mended.' }
  expect(tellingOf({ ...event, event: 'agent.calls_limited', detail: free })?.body).toBe(
    'Maya: It was mended.\nThe limit on its calls is taken back.',
  )
})

test('the owners of an agent are told which of its limits changed, and why', () => {
  const detail = {
    before: { resultBytesMax: null, callDeadlineSeconds: 10 },
    after: { resultBytesMax: 1_000_000, callDeadlineSeconds: null },
    reason: 'It reads whole tables.',
  }
  expect(tellingOf({ ...event, event: 'agent.limits_changed', detail })).toMatchObject({
    title: 'Invoice poster has other limits',
    body: 'Maya: It reads whole tables.\nNow bytes of a result: 1,000,000 at most; seconds to answer a call: as for any agent.',
    path: '/agents/poster/scopes',
    audiences: [{ to: 'owners', agentId: 'poster' }],
  })
})

test('a credential that ends is told of with whose it is, and what to do', () => {
  const body = (detail: { teamName?: string }) => {
    const subject = { kind: 'server', id: 'erp', name: 'ERP' }
    const ends = { kind: 'bearer', expiresAt: '2026-12-01T08:00:00.000Z', ...detail }
    return tellingOf({ ...event, subject, event: 'server.credential_expiring', detail: ends })?.body
  }
  const then = 'ends on 2026-12-01 08:00 UTC. Set another one before: from then on the server will refuse it.'
  expect(body({ teamName: 'Finance' })).toBe(`That of the team Finance ${then}`)
  expect(body({})).toBe(`That of every team without its own ${then}`)
})

test('of a budget that is reached it is told that calls are refused, too', () => {
  const detail = { month: '2026-11', spentMicros: '2000000', budgetMicros: '1000000' }
  expect(tellingOf({ ...event, event: 'agent.over_budget', detail })?.body).toContain('brokers refuse its calls')
})
