import { expect, test } from 'vitest'
import { heldCallStates } from '../schema/held-calls.ts'
import { canMoveHeldCall, onTimeout, stateAfter } from './held-calls.ts'
import { holdFor } from './holds.ts'
import type { HoldRuleFacts } from '../schema/held-calls.ts'

test('a call that waits may move, and what is decided stays decided', () => {
  const moves = ['approve', 'edit', 'reject', 'expire', 'cancel'] as const
  for (const move of moves) {
    for (const state of heldCallStates) expect(canMoveHeldCall(state, move)).toBe(state === 'waiting')
    expect(stateAfter(move)).not.toBe('waiting')
  }
})

test('the clock allows reading at most, and only when the rule says so', () => {
  expect(onTimeout('allow', 'read')).toBe('allow')
  for (const toolClass of ['write', 'destructive', null] as const) expect(onTimeout('allow', toolClass)).toBe('deny')
  expect(onTimeout('deny', 'read')).toBe('deny')
})

const rule = {
  id: 'r',
  title: 'Large payments wait',
  serverId: null,
  toolName: null,
  class: null,
  environment: null,
  conditions: [],
  deciderRoles: ['security'],
  excludedDeciders: [],
  decideSeconds: 60,
  onTimeout: 'deny',
} as const
const tool = { serverId: 'erp', name: 'pay', class: 'write', state: 'approved' } as const
const server = {
  id: 'erp',
  name: 'ERP',
  environment: 'production',
  sensitivity: 'internal',
  enabled: true,
  demo: false,
  tools: new Map([['pay', tool]]),
} as const
const agent = {
  id: 'a',
  name: 'A',
  teamId: 't',
  tier: 'low',
  status: 'active',
  statusReason: null,
  currentVersion: 1,
  grants: [],
} as const
const emptyView = {
  agents: new Map(),
  servers: new Map(),
  runs: new Map(),
  stops: [],
  policies: { version: 'p', problem: null, judge: () => null, wordsOf: () => null },
}
const isHeld = (change: object, given: Record<string, unknown> = {}) => {
  const view = { ...emptyView, holdRules: [{ ...rule, ...change }] }
  const call = { caller: { agentId: 'a', version: 1, runId: null }, serverId: 'erp', tool: 'pay', arguments: given }
  return holdFor(call, { agent, server, tool }, { view, now: new Date(0) }).rule !== null
}

test('a rule holds by server, tool, class and above, environment and arguments', () => {
  expect(
    [
      {},
      { serverId: 'erp' },
      { toolName: 'pay' },
      { class: 'write' },
      { class: 'read' },
      { environment: 'production' },
    ].map((change) => isHeld(change)),
  ).toEqual(Array(6).fill(true))
  expect(
    [{ serverId: 'crm' }, { toolName: 'look' }, { class: 'destructive' }, { environment: 'staging' }].map((change) =>
      isHeld(change),
    ),
  ).toEqual(Array(4).fill(false))
})

test('one fitting value holds a call, and so does one that is not there or cannot be compared', () => {
  const large = { conditions: [{ pointer: '/lines/*/amount', range: { min: 1000 } }] }
  const lines = (...amounts: unknown[]) => ({ lines: amounts.map((amount) => ({ amount })) })
  expect(isHeld(large, lines(1, 2))).toBe(false)
  expect(isHeld(large, lines(1, 2000))).toBe(true)
  expect(isHeld(large, lines(1, '2000'))).toBe(true)
  expect(isHeld(large, {})).toBe(true)
  const inProduction = { conditions: [{ pointer: '/path', prefix: '/prod/' }] }
  expect(isHeld(inProduction, { path: '/staging/x' })).toBe(false)
  expect(isHeld(inProduction, { path: '/staging/../prod/x' })).toBe(true)
})

test('a regular expression takes time in proportion to the text, whatever it is', () => {
  const nested = { conditions: [{ pointer: '/text', regex: '(a+)+$|(a|aa)+b' }] }
  // With an engine that goes back this does not end.
  expect(isHeld(nested, { text: `${'a'.repeat(9000)}!` })).toBe(false)
  expect(isHeld(nested, { text: 'a'.repeat(9000) })).toBe(true)
})

test('of rules that are bypassed all that a call needed are on record', () => {
  const bypass = { agentId: null, expiresAt: new Date(1).toISOString(), exceptTeamIds: [], exceptAgentIds: [] }
  const rules = ['one', 'two', 'three'].map((id): HoldRuleFacts => ({
    ...rule,
    id,
    bypasses: [{ ...bypass, id: `of ${id}` }],
  }))
  const decide = (holdRules: readonly HoldRuleFacts[]) => {
    const call = { caller: { agentId: 'a', version: 1, runId: null }, serverId: 'erp', tool: 'pay', arguments: {} }
    return holdFor(call, { agent, server, tool }, { view: { ...emptyView, holdRules }, now: new Date(0) })
  }
  expect(decide(rules.slice(0, 1)).bypassed).toEqual({ rule: 'one', bypass: 'of one' })
  const also = [
    { rule: 'two', bypass: 'of two' },
    { rule: 'three', bypass: 'of three' },
  ]
  expect(decide(rules)).toEqual({ rule: null, bypassed: { rule: 'one', bypass: 'of one', also } })
  const held = { ...rule, id: 'four' }
  expect(decide([...rules.slice(0, 2), held, rules[2]!])).toEqual({
    rule: held,
    bypassed: { rule: 'one', bypass: 'of one', also: also.slice(0, 1) },
  })
})
