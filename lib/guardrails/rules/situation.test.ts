import { expect, test } from 'vitest'
import type { PolicyQuestion } from './policy-set.ts'
import { judgedOf, refusedByPolicies, situationOf } from './situation.ts'

type Grant = PolicyQuestion['grants'][number]

const grant: Grant = { id: 'g1', serverId: 'erp', class: 'write', toolName: null, via: 'request', expiresAt: null }
const other: Grant = { ...grant, id: 'g2', class: 'read', via: 'template' }

function question(change: Partial<PolicyQuestion> = {}): PolicyQuestion {
  return {
    agent: { id: 'reconciler', teamId: 'finance', tier: 'medium', templateId: 'reconciler' },
    server: { id: 'erp', environment: 'production', sensitivity: 'internal', demo: false },
    tool: { serverId: 'erp', name: 'get_order', class: 'read' },
    grants: [grant, other],
    simulated: false,
    breakGlass: false,
    session: null,
    clock: { hour: 12, weekday: 3 },
    ...change,
  }
}

const digest = (change?: Partial<PolicyQuestion>) => situationOf(question(change)).digest

test('the same facts are one situation, whichever objects carry them and in whichever order grants come', () => {
  const asked = question()
  expect(situationOf(asked)).toBe(situationOf({ ...asked, grants: [...asked.grants] }))
  expect(digest({ grants: [other, { ...grant, id: 'g3' }, grant] })).toBe(digest())
  // The hour is no part of it: it is that of the record.
  expect(digest({ clock: { hour: 3, weekday: 7 } })).toBe(digest())
})

const { agent, server, tool } = question()
test.each<[string, Partial<PolicyQuestion>]>([
  ['agent', { agent: { ...agent, id: 'other' } }],
  ['team', { agent: { ...agent, teamId: 'sales' } }],
  ['tier', { agent: { ...agent, tier: 'high' } }],
  ['server', { server: { ...server, id: 'crm' } }],
  ['environment', { server: { ...server, environment: 'staging' } }],
  ['sensitivity', { server: { ...server, sensitivity: 'restricted' } }],
  ['demo', { server: { ...server, demo: true } }],
  ['tool', { tool: { ...tool, name: 'get_orders' } }],
  ['class', { tool: { ...tool, class: 'write' } }],
  ['method', { tool: { ...tool, isMethod: true } }],
  ['grants', { grants: [grant] }],
  ['via', { grants: [grant, { ...other, via: 'break_glass' }] }],
  ['tool of a grant', { grants: [grant, { ...other, toolName: 'get_order' }] }],
  ['simulated', { simulated: true }],
  ['run', { session: { agentVersion: 2, startedBy: 'schedule' } }],
  ['template', { agent: { ...question().agent, templateId: 'reconcile' } }],
  ['break-glass', { breakGlass: true }],
])('another %s is another situation', (_, change) => {
  expect(digest(change)).not.toBe(digest())
})

test('what is remembered with the facts is not taken for another question about the same facts', () => {
  const asked = question()
  const changes: Partial<PolicyQuestion>[] = [
    {},
    { grants: [grant] },
    { grants: [other] },
    { simulated: true },
    { breakGlass: true },
    { server: { ...server, environment: 'staging' } },
  ]
  const digests = changes.map((change) => situationOf({ ...asked, ...change }).digest)
  expect(new Set(digests).size).toBe(changes.length)
  expect(digests).toEqual(changes.map((change) => digest(change)))
})

test('what the policies refused is beside the denial and not in it', () => {
  const judged = { question: question(), version: 'v1', at: new Date() }
  const denial = refusedByPolicies({ rule: 'policy_default_deny', message: 'no' }, judged)
  expect(judgedOf(denial)).toBe(judged)
  expect(JSON.stringify(denial)).toBe('{"rule":"policy_default_deny","message":"no"}')
  expect(judgedOf({ ...denial })).toBeUndefined()
})
