import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { agentStatuses, environments, sensitivities, tiers, toolClasses, toolStates } from '#lib/registry/schema.ts'
import type { ArgumentCondition } from '#lib/registry/schema/conditions.ts'
import { loadPolicySet } from '../queries.ts'
import { type Allowed, decide, decideCaller } from './decide.ts'
import { explainRule } from './explain.ts'
import type {
  AgentFacts,
  GrantFacts,
  PolicyView,
  RunFacts,
  ServerFacts,
  StopFacts,
  ToolCall,
  ToolFacts,
} from './facts.ts'
import type { PolicySet } from './policy-set.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = new Date('2026-11-22T11:00:00Z')
const runId = '00000000-0000-4000-8000-000000000001'

let policies: PolicySet
beforeAll(async () => {
  policies = await loadPolicySet()
})

const grant = (change: Partial<GrantFacts> = {}): GrantFacts => ({
  id: 'g1',
  serverId: 'erp',
  class: 'read',
  toolName: null,
  via: 'request',
  expiresAt: null,
  ...change,
})

const agent = (change: Partial<AgentFacts> = {}): AgentFacts => ({
  id: 'reconciler',
  name: 'Reconciler',
  teamId: 'finance',
  tier: 'medium',
  status: 'active',
  statusReason: null,
  currentVersion: 2,
  grants: [grant()],
  ...change,
})

const tool = (change: Partial<ToolFacts> = {}): ToolFacts => ({
  serverId: 'erp',
  name: 'get_order',
  class: 'read',
  state: 'approved',
  ...change,
})

const server = (tools: ToolFacts[] = [tool()], change: Partial<ServerFacts> = {}): ServerFacts => ({
  id: 'erp',
  name: 'ERP',
  environment: 'production',
  sensitivity: 'internal',
  enabled: true,
  demo: false,
  tools: new Map(tools.map((each) => [each.name, each])),
  ...change,
})

const started = { trigger: 'manual', startedById: null, writerIds: [] } as const
const openRun = { agentId: 'reconciler', agentVersion: 2, simulated: false, ...started } as const
const run = (change: Partial<RunFacts> = {}): RunFacts => ({ id: runId, ...openRun, ...change })

type Parts = { agent?: AgentFacts | null; server?: ServerFacts | null; run?: RunFacts | null; stops?: StopFacts[] }
const view = (parts: Parts = {}): PolicyView => {
  const { agent: who = agent(), server: where = server(), run: open = run(), stops = [] } = parts
  return {
    agents: new Map(who ? [[who.id, who]] : []),
    servers: new Map(where ? [[where.id, where]] : []),
    runs: new Map(open ? [[open.id, open]] : []),
    stops,
    policies,
  }
}

const call: ToolCall = { caller: { agentId: 'reconciler', version: 2, runId }, serverId: 'erp', tool: 'get_order' }
const ruleOf = (parts: Parts, change: Partial<ToolCall> = {}) => {
  const outcome = decide({ ...call, ...change }, view(parts), now)
  return outcome.ok ? 'allowed' : outcome.error.rule
}
const stop = (scope: string, targetId: string): StopFacts => ({
  id: 's',
  scope,
  targetId,
  orderedBy: 'Ola',
  reason: 'drill',
})

test('a granted, approved tool of an active agent in its open run is allowed, under the grant that covers it', () => {
  const outcome = decide(call, view(), now)
  expect(outcome).toMatchObject({ ok: true, value: { grant: { id: 'g1' }, tool: { name: 'get_order' } } })
})

test('an open order of any scope stops the call before anything else is looked at', () => {
  const orders = [
    stop('organization', 'organization'),
    stop('team', 'finance'),
    stop('server', 'erp'),
    stop('agent', 'reconciler'),
    stop('tool', 'erp/get_order'),
    stop('a scope of a later release', 'x'),
  ]
  for (const order of orders) expect(ruleOf({ stops: [order] })).toBe('killed')
  const elsewhere = [stop('team', 'it'), stop('server', 'crm'), stop('agent', 'other'), stop('tool', 'erp/other')]
  expect(ruleOf({ stops: elsewhere })).toBe('allowed')
})

test('each missing precondition is refused by its own rule, in this order', () => {
  expect(ruleOf({ agent: null })).toBe('agent_unknown')
  for (const status of ['provisioning', 'suspended', 'retired'] as const) {
    expect(ruleOf({ agent: agent({ status }) })).toBe('agent_not_active')
  }
  expect(ruleOf({ run: null })).toBe('run_not_open')
  expect(ruleOf({ run: run({ agentId: 'other' }) })).toBe('run_not_open')
  expect(ruleOf({ run: run({ agentVersion: 1 }) })).toBe('version_mismatch')
  expect(ruleOf({ server: null })).toBe('server_unknown')
  expect(ruleOf({ server: server([tool()], { enabled: false }) })).toBe('server_disabled')
  expect(ruleOf({}, { tool: 'drop_all' })).toBe('tool_unknown')
  expect(ruleOf({ server: server([tool({ state: 'removed' })]) })).toBe('tool_removed')
  expect(ruleOf({ server: server([tool({ state: 'quarantined' })]) })).toBe('tool_quarantined')
  expect(ruleOf({ agent: agent({ grants: [] }) })).toBe('grant_missing')
  expect(ruleOf({ agent: agent({ grants: [grant({ expiresAt: now })] }) })).toBe('grant_expired')
})

test('a token without a run is good for the current version only', () => {
  const ask = (version: number) => decideCaller({ agentId: 'reconciler', version, runId: null }, view()).ok
  expect([ask(1), ask(2), ask(3)]).toEqual([false, true, false])
})

test('a grant covers its class and those below on its server, and a named tool only if it is named', () => {
  const write = tool({ name: 'post_order', class: 'write' })
  const both = server([tool(), write])
  const held = (grants: GrantFacts[], name: string) =>
    ruleOf({ agent: agent({ grants }), server: both }, { tool: name })
  expect(held([grant({ class: 'read' })], 'post_order')).toBe('grant_missing')
  expect(held([grant({ class: 'write' })], 'post_order')).toBe('allowed')
  expect(held([grant({ class: 'write' })], 'get_order')).toBe('allowed')
  expect(held([grant({ class: 'write', toolName: 'get_order' })], 'post_order')).toBe('grant_missing')
  expect(held([grant({ class: 'read', toolName: 'post_order' })], 'post_order')).toBe('grant_missing')
  expect(held([grant({ class: 'write', serverId: 'crm' })], 'post_order')).toBe('grant_missing')
  expect(held([grant({ expiresAt: now }), grant({ id: 'g2', expiresAt: later })], 'get_order')).toBe('allowed')
})

test('the central policies cannot be out-voted by a grant', () => {
  const destructive = tool({ name: 'wipe', class: 'destructive' })
  const wipe = (parts: { via?: string; environment?: 'production' | 'staging' }) =>
    ruleOf(
      {
        agent: agent({ grants: [grant({ class: 'destructive', via: parts.via ?? 'request' })] }),
        server: server([destructive], { environment: parts.environment ?? 'production' }),
      },
      { tool: 'wipe' },
    )
  expect(wipe({})).toBe('policy_destructive_on_production')
  expect(wipe({ environment: 'staging' })).toBe('allowed')
  expect(wipe({ via: 'break_glass' })).toBe('allowed')

  const write = tool({ name: 'post', class: 'write' })
  const holder = agent({ grants: [grant({ class: 'write' })] })
  const simulated = run({ simulated: true })
  const post = (where: Partial<ServerFacts>, open = simulated, who = holder) =>
    ruleOf({ agent: who, server: server([write, tool()], where), run: open }, { tool: 'post' })
  expect(post({})).toBe('policy_simulated_changes_nothing_real')
  expect(post({ demo: true })).toBe('allowed')
  expect(post({ environment: 'staging' })).toBe('allowed')
  expect(post({}, run())).toBe('allowed')
  expect(ruleOf({ run: simulated })).toBe('allowed')

  const low = agent({ tier: 'low', grants: [grant({ class: 'write' })] })
  expect(post({ sensitivity: 'restricted' }, run(), low)).toBe('policy_low_tier_on_restricted')
  expect(post({ sensitivity: 'confidential' }, run(), low)).toBe('allowed')
  expect(ruleOf({ agent: low, server: server([tool()], { sensitivity: 'restricted' }) })).toBe('allowed')
})

const narrowed = grant({ conditions: [{ pointer: '/amount', range: { max: 100 } }] })

test('a conditional grant shows its tool, covers the calls that fit it, and says which argument does not', () => {
  const holder = agent({ grants: [narrowed] })
  expect(ruleOf({ agent: holder })).toBe('allowed')
  expect(ruleOf({ agent: holder }, { arguments: { amount: 100 } })).toBe('allowed')
  expect(ruleOf({ agent: holder }, { arguments: {} })).toBe('grant_condition')
  const outcome = decide({ ...call, arguments: { amount: 101 } }, view({ agent: holder }), now)
  expect(outcome).toMatchObject({ ok: false, error: { rule: 'grant_condition', facts: { pointer: '/amount' } } })
  expect(outcome.ok ? '' : outcome.error.message).toContain('/amount is at most 100; it is 101')
  const wide = agent({ grants: [narrowed, grant({ id: 'g2' })] })
  expect(ruleOf({ agent: wide }, { arguments: { amount: 101 } })).toBe('allowed')
})

test('what does not fit is never said back when it looks secret', () => {
  const key = ['sk', 'ant', 'api03-0123456789abcdefghijklm'].join('-')
  for (const conditions of [[{ pointer: '/note', equals: 'x' }], [{ pointer: '/password', equals: 'x' }]]) {
    const given = { note: key, password: 'hunter2' }
    const outcome = decide(
      { ...call, arguments: given },
      view({ agent: agent({ grants: [grant({ conditions })] }) }),
      now,
    )
    expect(outcome.ok ? '' : outcome.error.message).toContain('not shown')
    expect(JSON.stringify(outcome)).not.toMatch(/hunter2|0123456789/)
  }
})

test('a conditional grant covers no methods, which have no such arguments', () => {
  const read = { tool: 'resources/read', isMethod: true } as const
  expect(ruleOf({}, read)).toBe('allowed')
  expect(ruleOf({ agent: agent({ grants: [narrowed] }) }, read)).toBe('grant_missing')
})

test('an agent that has spent its budget is refused in that month, by name and amount', () => {
  const spent = { month: '2026-11', spentMicros: '25000000', budgetMicros: '25000000' }
  const outcome = decide(call, view({ agent: agent({ overBudget: spent }) }), now)
  expect(outcome.ok ? '' : outcome.error.message).toBe('reconciler has spent $25.00 of $25.00 in 2026-11.')
  expect(ruleOf({ agent: agent({ overBudget: { ...spent, month: '2026-10' } }) })).toBe('allowed')
})

const name = fc.constantFrom('a', 'b', 'c')
const anyGrant = fc.record({
  id: fc.uuid(),
  serverId: fc.constantFrom('erp', 'crm'),
  class: fc.constantFrom(...toolClasses),
  toolName: fc.option(name),
  via: fc.constantFrom('request', 'template', 'break_glass'),
  expiresAt: fc.option(fc.constantFrom(new Date(now.getTime() - 1), new Date(now.getTime() + 1))),
  conditions: fc.constantFrom<ArgumentCondition[][]>(
    [],
    [],
    [{ pointer: '/n', range: { min: 1, max: 3 } }],
    [
      { pointer: '/n', in: [2, 3] },
      { pointer: '/lines/*/account', prefix: '40' },
    ],
    [{ pointer: '/lines/*/account', regex: '40[0-9]+' }],
  ),
  rate: fc.constantFrom(null, { calls: 1, per: 'minute' as const }),
})
const anyArguments = fc.record({
  n: fc.integer({ min: 0, max: 4 }),
  lines: fc.array(fc.record({ account: fc.constantFrom('4000', '40', '5000') }), { maxLength: 2 }),
})
/** Fits every condition above. */
const fitting = { n: 2, lines: [{ account: '4000' }] }
const anyAgent = fc.record({
  id: fc.constant('reconciler'),
  name: fc.constant('Reconciler'),
  teamId: fc.constantFrom('finance', 'it'),
  tier: fc.constantFrom(...tiers),
  status: fc.constantFrom('active' as const, 'active' as const, ...agentStatuses),
  statusReason: fc.constant(null),
  currentVersion: fc.constant(2),
  grants: fc.array(anyGrant, { maxLength: 4 }),
})
const anyTool = fc.record({
  serverId: fc.constant('erp'),
  name,
  class: fc.constantFrom(...toolClasses),
  state: fc.constantFrom('approved' as const, ...toolStates),
})
const anyServer = fc.record({
  tools: fc.array(anyTool, { maxLength: 3 }),
  environment: fc.constantFrom(...environments),
  sensitivity: fc.constantFrom(...sensitivities),
  demo: fc.boolean(),
  enabled: fc.boolean(),
})
const anyStops = fc.array(fc.constantFrom(stop('team', 'it'), stop('tool', 'erp/a'), stop('agent', 'other')), {
  maxLength: 1,
})

test('whatever the facts: allowed needs a covering grant in force on an approved tool, and every refusal is explained', () => {
  const facts = fc.tuple(anyAgent, anyServer, anyStops, fc.boolean(), name)
  fc.assert(
    fc.property(facts, ([who, { tools, ...rest }, stops, simulated, toolName]) => {
      const where = server(tools, rest)
      const world = view({ agent: who, server: where, stops, run: run({ simulated }) })
      const first = decide({ ...call, tool: toolName }, world, now)
      // Deciding again answers the same, from what was remembered.
      expect(decide({ ...call, tool: toolName }, world, now)).toEqual(first)
      expect(first.ok ? isSound(first.value, who, toolName) : explainRule(first.error.rule).setBy !== 'Unknown').toBe(
        true,
      )
    }),
    { numRuns: 500 },
  )
})

test('showing and calling agree: what is shown can be called with fitting arguments, what can be called is shown', () => {
  const facts = fc.tuple(anyAgent, anyServer, anyStops, anyArguments, name)
  fc.assert(
    fc.property(facts, ([who, { tools, ...rest }, stops, given, toolName]) => {
      const world = view({ agent: who, server: server(tools, rest), stops, run: run() })
      const ask = (change: Partial<ToolCall>) => decide({ ...call, tool: toolName, ...change }, world, now)
      const shown = ask({})
      const called = ask({ arguments: given })
      expect(ask({ arguments: fitting }).ok).toBe(shown.ok)
      if (called.ok) expect(shown.ok).toBe(true)
      if (!shown.ok) expect(called.ok).toBe(false)
      if (shown.ok && !called.ok)
        expect(['grant_condition', 'policy_destructive_on_production']).toContain(called.error.rule)
    }),
    { numRuns: 1000 },
  )
})

function isSound({ grant: under, tool: what }: Allowed, who: AgentFacts, toolName: string): boolean {
  return (
    what.name === toolName &&
    what.state === 'approved' &&
    who.status === 'active' &&
    who.grants.includes(under) &&
    under.serverId === 'erp' &&
    (under.toolName ?? toolName) === toolName &&
    toolClasses.indexOf(under.class) >= toolClasses.indexOf(what.class) &&
    (under.expiresAt === null || under.expiresAt > now)
  )
}
