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
  return (
    holdFor({ caller: {}, arguments: given }, { agent, server, tool, run: null }, { view, now: new Date(0) }).rule !==
    null
  )
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
  expect(isHeld(large, { lines: { '*': { amount: 1 }, '0': { amount: 2000 } } })).toBe(true)
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

const bypassBy = (openedById: string) => ({
  id: `of ${openedById}`,
  openedById,
  agentId: null,
  expiresAt: new Date(1).toISOString(),
  exceptTeamIds: [],
  exceptAgentIds: [],
})

test('a bypass lets nothing through that its opener is behind, nor what nobody knows of who is', () => {
  const bypasses = [bypassBy('ada'), bypassBy('ben')]
  const run = (startedById: string | null, writerIds = ['eve']) => ({ startedById, writerIds })
  const decide = (caller: object, run: { startedById: string | null; writerIds: string[] } | null, count = 1) => {
    const holdRules: HoldRuleFacts[] = [{ ...rule, bypasses: bypasses.slice(0, count) }]
    const issued = { ...agent, writerIds: ['eve'], credentialIssuers: { client: 'ada', other: 'ben', ours: null } }
    const about = { agent: issued, server, tool, run }
    const decided = holdFor({ caller, arguments: {} }, about, { view: { ...emptyView, holdRules }, now: new Date(0) })
    return decided.aside?.why ?? decided.bypassed?.bypass ?? 'held'
  }
  expect([decide({}, run('ben')), decide({}, run('ada')), decide({}, run(null))]).toEqual([
    'of ada',
    'own_call',
    'not_known',
  ])
  // Outside of runs whoever issued the credential is, whatever key its token is bound to.
  const credential = (name: string, more = {}) => decide({ credential: name, ...more }, null)
  expect(
    ['client', 'client thumbprint', 'other', 'ours', 'gone', 'constructor'].map((name) => credential(name)),
  ).toEqual(['own_call', 'own_call', 'of ada', 'not_known', 'not_known', 'not_known'])
  expect(decide({}, null)).toBe('not_known')
  // In a run its credential says nothing.
  expect(decide({ credential: 'client' }, run('ben'))).toBe('of ada')
  // Whoever wrote the version that runs is, too: their prompt acts, whoever started it.
  expect([decide({}, run('eve', ['ada'])), decide({}, run('eve', ['ben', 'ada']), 2)]).toEqual(['own_call', 'own_call'])
  expect(decide({}, run('eve', ['ben', 'eve']))).toBe('of ada')
  // And besides it whoever the client acts for.
  const acts = (personId: string | null) => credential('other', { drivenBy: { personId } })
  expect([acts('eve'), acts('ada'), acts(null)]).toEqual(['of ada', 'own_call', 'not_known'])
  // What one person may not let through alone another one's bypass does.
  expect([decide({}, run('ada'), 2), decide({}, run(null), 2)]).toEqual(['of ben', 'not_known'])
})

test('of rules that are bypassed all that a call needed are on record', () => {
  const bypass = bypassBy('opener')
  const rules = ['one', 'two', 'three'].map((id): HoldRuleFacts => ({
    ...rule,
    id,
    bypasses: [{ ...bypass, id: `of ${id}` }],
  }))
  const decide = (holdRules: readonly HoldRuleFacts[]) => {
    const about = { agent, server, tool, run: { startedById: 'starter', writerIds: [] } }
    return holdFor({ caller: {}, arguments: {} }, about, { view: { ...emptyView, holdRules }, now: new Date(0) })
  }
  expect(decide(rules.slice(0, 1)).bypassed).toEqual({ rule: 'one', bypass: 'of one' })
  const also = [
    { rule: 'two', bypass: 'of two' },
    { rule: 'three', bypass: 'of three' },
  ]
  expect(decide(rules)).toEqual({ rule: null, aside: null, bypassed: { rule: 'one', bypass: 'of one', also } })
  const held = { ...rule, id: 'four' }
  expect(decide([...rules.slice(0, 2), held, rules[2]!])).toEqual({
    rule: held,
    aside: null,
    bypassed: { rule: 'one', bypass: 'of one', also: also.slice(0, 1) },
  })
})
