import cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import { policySchema } from '../queries/policy-source.ts'
import type { PolicyQuestion } from '../rules/policy-set.ts'
import { createCedarPolicySet } from './policy-set.ts'
import { cedarRequest } from './request.ts'

const names = ['a', 'b'] as const
const scopes = {
  principal: [
    'principal',
    'principal is Wheelhouse::Agent',
    ...names.map((id) => `principal == Wheelhouse::Agent::"${id}"`),
    ...names.map((id) => `principal in Wheelhouse::Team::"${id}"`),
    'principal in Wheelhouse::Template::"a"',
    'principal in Wheelhouse::Access::"a:write"',
    'principal is Wheelhouse::Agent in Wheelhouse::Team::"a"',
  ],
  action: ['action', 'action in [Wheelhouse::Action::"list", Wheelhouse::Action::"call"]', 'action == Wheelhouse::Action::"call"', 'action == Wheelhouse::Action::"list"'], // prettier-ignore
  resource: [
    'resource',
    ...names.map((id) => `resource in Wheelhouse::Server::"${id}"`),
    'resource == Wheelhouse::Tool::"a/x"',
    'resource is Wheelhouse::Tool in Wheelhouse::Server::"b"',
  ],
}
const overflow = 'context.hour + 9223372036854775807 > 0'
const atoms = [
  'principal.tier == "low"',
  'principal.tier != "high"',
  'resource.class == "write"',
  '"read" == resource.class',
  '["write", "destructive"].contains(resource.class)',
  'resource.server.environment == "production"',
  'resource.server.sensitivity != "public"',
  'resource.server.demo',
  'context.simulated',
  'context.breakGlass == false',
  'context.hour < 8',
  'context.weekday >= 6',
  'context.hour == 8',
  '7 < context.hour',
  '[6, 7].contains(context.weekday)',
  'context.hour < 9223372036854775807',
  'principal in resource.openTo',
  'context has session',
  'context has session && context.session.startedBy == "api"',
  'principal in Wheelhouse::Team::"a"',
  overflow,
]
const condition: fc.Arbitrary<string> = fc.letrec<{ expression: string; atom: string }>((tie) => ({
  atom: fc.constantFrom(...atoms),
  expression: fc.oneof(
    { maxDepth: 3 },
    tie('atom'),
    tie('atom'),
    fc
      .tuple(tie('expression'), fc.constantFrom('&&', '||'), tie('expression'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('expression').map((inner) => `!(${inner})`),
  ),
})).expression

const policy = fc.record({
  effect: fc.constantFrom('permit', 'permit', 'forbid'),
  principal: fc.constantFrom(...scopes.principal),
  action: fc.constantFrom(scopes.action[0]!, scopes.action[1]!, ...scopes.action),
  resource: fc.constantFrom(...scopes.resource),
  // One without a condition concerns everybody: few of them would decide everything.
  when: fc.array(condition, { minLength: 1, maxLength: 3 }),
  unless: fc.array(condition, { maxLength: 1 }),
})

const question: fc.Arbitrary<PolicyQuestion> = fc
  .record({
    agentId: fc.constantFrom(...names),
    teamId: fc.constantFrom(...names),
    templateId: fc.constantFrom(null, ...names),
    tier: fc.constantFrom(...tiers),
    serverId: fc.constantFrom(...names),
    tool: fc.constantFrom('x', 'y'),
    class: fc.constantFrom(...toolClasses),
    granted: fc.constantFrom('write', 'destructive'),
    environment: fc.constantFrom(...environments),
    sensitivity: fc.constantFrom(...sensitivities),
    demo: fc.boolean(),
    simulated: fc.boolean(),
    breakGlass: fc.boolean(),
    session: fc.constantFrom(null, { agentVersion: 1, startedBy: 'api' } as const, { agentVersion: 2, startedBy: 'manual' } as const), // prettier-ignore
    hour: fc.constantFrom(0, 7, 8, 23),
    weekday: fc.constantFrom(1, 6),
  })
  .map((of) => ({
    agent: { id: of.agentId, name: '', teamId: of.teamId, templateId: of.templateId, tier: of.tier, status: 'active', statusReason: null, currentVersion: 1, grants: [] }, // prettier-ignore
    server: { id: of.serverId, name: '', environment: of.environment, sensitivity: of.sensitivity, enabled: true, demo: of.demo, tools: new Map() }, // prettier-ignore
    tool: { serverId: of.serverId, name: of.tool, class: of.class, state: 'approved' },
    grants: [{ id: 'g', serverId: of.serverId, class: of.granted, toolName: null, via: 'request', expiresAt: null }], // prettier-ignore
    simulated: of.simulated,
    breakGlass: of.breakGlass,
    session: of.session,
    clock: { hour: of.hour, weekday: of.weekday },
  }))

test('a large set decides as Cedar decides with all of it, failures among them', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      fc.array(policy, { minLength: 45, maxLength: 60 }),
      fc.array(question, { minLength: 12, maxLength: 12 }),
      (policies, questions) => {
        const texts = policies.map(({ effect, principal, action, resource, when, unless }, at) => {
          const id = `${effect === 'permit' ? 'permit' : 'policy'}_${at}`
          const beside = `@id("${id}") @title("T") @explanation("E") @remedy("R")`
          const conditions = [...when.map((body) => `when { ${body} }`), ...unless.map((body) => `unless { ${body} }`)]
          return { id, text: `${beside} ${effect} (${principal}, ${action}, ${resource}) ${conditions.join(' ')};` }
        })
        const set = createCedarPolicySet({ schema: policySchema, policies: texts.map(({ text }) => text) })
        const all = Object.fromEntries(texts.map(({ id, text }) => [id, text]))
        for (const asked of questions) {
          const expected = byAll(all, asked)
          expect(set.judge(asked)).toBe(expected)
          seen.add(expected?.replace(/_\d+$/, '') ?? 'permitted')
        }
      },
    ),
    { numRuns: 25 },
  )
  expect([...seen]).toEqual(expect.arrayContaining(['permitted', 'policy', 'policy_error']))
}, 60_000)

/** What Cedar says when it is given everything, for seeing and then for calling. */
function byAll(staticPolicies: Record<string, string>, asked: PolicyQuestion): string | null {
  for (const id of ['list', 'call']) {
    const action = { type: 'Wheelhouse::Action', id }
    const call = {
      ...cedarRequest(asked),
      action,
      policies: { staticPolicies },
      schema: policySchema,
      validateRequest: true,
    }
    const answer = cedar.isAuthorized(call)
    if (answer.type === 'failure' || answer.response.diagnostics.errors.length > 0) return 'policy_error'
    if (answer.response.decision === 'deny')
      return answer.response.diagnostics.reason.toSorted()[0] ?? 'policy_default_deny'
  }
  return null
}
