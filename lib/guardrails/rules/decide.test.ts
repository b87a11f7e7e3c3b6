import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { agentStatuses, environments, sensitivities, tiers, toolClasses, toolStates } from '#lib/registry/schema.ts'
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

const run = (change: Partial<RunFacts> = {}): RunFacts => ({
  id: runId,
  agentId: 'reconciler',
  agentVersion: 2,
  simulated: false,
  ...change,
})

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

const name = fc.constantFrom('a', 'b', 'c')
const anyGrant = fc.record({
  id: fc.uuid(),
  serverId: fc.constantFrom('erp', 'crm'),
  class: fc.constantFrom(...toolClasses),
  toolName: fc.option(name),
  via: fc.constantFrom('request', 'template', 'break_glass'),
  expiresAt: fc.option(fc.constantFrom(new Date(now.getTime() - 1), new Date(now.getTime() + 1))),
})
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
