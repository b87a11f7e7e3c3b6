import { expect, test } from 'vitest'
import { createCedarPolicySet, parsePolicies } from './cedar.ts'
import { readPolicySource } from './queries.ts'
import { explainRule, isRuleId } from './rules/explain.ts'
import { rules } from './schema.ts'

const agent = {
  id: 'a',
  name: 'A',
  teamId: 't',
  tier: 'high',
  status: 'active',
  statusReason: null,
  currentVersion: 1,
  grants: [],
} as const
const tool = { serverId: 's', name: 'get', class: 'read', state: 'approved' } as const
const server = {
  id: 's',
  name: 'S',
  environment: 'staging',
  sensitivity: 'public',
  enabled: true,
  demo: false,
  tools: new Map(),
} as const
const grant = { id: 'g', serverId: 's', class: 'read', toolName: null, via: 'request', expiresAt: null } as const
const question = { agent, server, tool, grants: [grant], simulated: false, breakGlass: false }

test('the central policies type-check against their schema, and every forbid is a rule of the table', async () => {
  const { policies, problems } = parsePolicies(await readPolicySource())
  expect(problems).toEqual([])
  const forbids = Object.entries(policies).filter(([, text]) => /^\s*(@\w+\([^)]*\)\s*)*forbid/.test(text))
  expect(forbids.map(([id]) => id).filter((id) => !isRuleId(id))).toEqual([])
  const tabled = Object.keys(rules).filter(
    (id) => id.startsWith('policy_') && !['policy_default_deny', 'policy_error'].includes(id),
  )
  expect(forbids.map(([id]) => id).toSorted()).toEqual(tabled.toSorted())
})

test('a policy that does not type-check stops the start instead of being skipped', async () => {
  const source = await readPolicySource()
  const wrong = '@id("wrong") forbid (principal, action, resource) when { resource.colour == "red" };'
  expect(() => createCedarPolicySet({ ...source, policies: [...source.policies, wrong] })).toThrow(/colour/)
})

test('what no policy permits is denied, and a forbid beats every permit', async () => {
  const source = await readPolicySource()
  const permitAll = '@id("permit_all") permit (principal, action, resource);'
  const forbid =
    '@id("policy_low_tier_on_restricted") forbid (principal, action, resource) when { resource.class == "read" };'
  const judge = (policies: string[]) => createCedarPolicySet({ ...source, policies }).judge(question)
  expect(judge([])).toBe('policy_default_deny')
  expect(judge([permitAll])).toBeNull()
  expect(judge([permitAll, forbid])).toBe('policy_low_tier_on_restricted')
})

test('a policy that forbids only calling hides the tool too, so that what is listed can be called', async () => {
  const source = await readPolicySource()
  const permitAll = '@id("permit_all") permit (principal, action, resource);'
  const forbid =
    '@id("policy_low_tier_on_restricted") forbid (principal, action == Wheelhouse::Action::"call", resource);'
  expect(createCedarPolicySet({ ...source, policies: [permitAll, forbid] }).judge(question)).not.toBeNull()
})

test('a rule nobody knows, a permission and a stop order are explained as well', () => {
  expect(explainRule('stop:agent:x').title).toBe('Stopped by the kill switch')
  expect(explainRule('permission:stops:order').remedy).toContain('On-call')
  expect(explainRule('from_the_future')).toMatchObject({ id: 'from_the_future', setBy: 'Unknown' })
})
