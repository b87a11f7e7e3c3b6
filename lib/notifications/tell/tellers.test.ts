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

test('people are told of events that exist, and every kind is told of by one', () => {
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
  const long = { requestId: 'r', note: 'x'.repeat(5000) }
  expect(tellingOf({ ...event, event: 'scope_request.changes_requested', detail: long })?.body).toHaveLength(1000)
})

test('what waits for somebody and stops cannot be switched off in the inbox', () => {
  const fixed = kinds.filter((kind) => modesOf(kind, 'inbox', new Set()).length === 1)
  expect(fixed).toEqual(kinds.filter((kind) => kindFacts[kind].always))
  expect(fixed).toEqual(expect.arrayContaining(['request_waits', 'call_waits', 'stop']))
})

test('the owners of an agent are told that its calls are limited, and that they are not any more', () => {
  const limited = { before: null, after: 1, reason: 'It asks in a loop.' }
  expect(tellingOf({ ...event, event: 'agent.calls_limited', detail: limited })).toMatchObject({
    kind: 'agent_state',
    title: 'Invoice poster was slowed down',
    body: 'Maya: It asks in a loop.\nAt most 1 call a second at each broker.',
    path: '/agents/poster/scopes',
    audiences: [{ to: 'owners', agentId: 'poster' }],
  })
  const free = { before: 1, after: null, reason: 'It was mended.' }
  expect(tellingOf({ ...event, event: 'agent.calls_limited', detail: free })?.body).toBe(
    'Maya: It was mended.\nThe limit on its calls is taken back.',
  )
})
