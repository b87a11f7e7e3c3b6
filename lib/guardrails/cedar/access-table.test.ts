import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Guardrails } from '#lib/registry/rules/guardrails.ts'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import { policySchema } from '../queries/policy-source.ts'
import type { PolicyQuestion } from '../rules/policy-set.ts'
import { accessTableOf } from './access-table.ts'
import { checkPolicies } from './check.ts'
import { createCedarPolicySet } from './policy-set.ts'

const words = (id: string) => `@id("${id}") @title("T") @explanation("E") @remedy("R")`

async function tableOf(policies: readonly string[]) {
  const checked = checkPolicies(policies.join('\n'), policySchema)
  expect(checked.problems).toEqual([])
  return await accessTableOf(checked.policies, policySchema)
}

const names = {
  team: ['t1', 't2', 't3'],
  template: ['p1', 'p2'],
  agent: ['a1', 'a2'],
  server: ['s1', 's2'],
  tool: ['x', 'y/z'],
}
const anyCondition = fc.oneof(
  fc.constantFrom(...tiers).map((tier) => `principal.tier == "${tier}"`),
  fc.constantFrom(...toolClasses).map((of) => `resource.class == "${of}"`),
  fc.constantFrom(...environments).map((of) => `resource.server.environment == "${of}"`),
  fc.constantFrom(...sensitivities).map((of) => `resource["server"]["sensitivity"] == "${of}"`),
  fc.constantFrom('resource.server.demo', 'context.breakGlass', 'context.simulated', 'principal in resource.openTo'),
  fc.constantFrom('t1', 't2').map((id) => `principal in Wheelhouse::Team::"${id}"`),
  fc.constant('principal in Wheelhouse::Template::"p1"'),
  fc.constant('principal == Wheelhouse::Agent::"a1"'),
  fc.constant('resource in Wheelhouse::Server::"s1"'),
  fc.constant('resource == Wheelhouse::Tool::"s1/y/z"'),
  fc.constant('resource.server == Wheelhouse::Server::"s2"'),
)
const anyExpression = fc
  .array(fc.tuple(anyCondition, fc.boolean(), fc.constantFrom('&&', '||')), { minLength: 1, maxLength: 3 })
  .map((parts) =>
    parts.map(([text, not, join], at) => `${at > 0 ? ` ${join} ` : ''}${not ? `!(${text})` : `(${text})`}`),
  )
  // Without brackets Cedar refuses && beside ||, so each part takes in what comes before it.
  .map((parts) => parts.reduce((before, part) => (before === '' ? part : `(${before})${part}`), ''))
const anyScope = fc.constantFrom(
  '(principal, action, resource)',
  '(principal, action, resource)',
  '(principal in Wheelhouse::Team::"t1", action, resource)',
  '(principal, action == Wheelhouse::Action::"call", resource in Wheelhouse::Server::"s1")',
  '(principal, action == Wheelhouse::Action::"list", resource)',
  '(principal, action == Wheelhouse::Action::"call", resource)',
)
const anyPolicy = fc.tuple(anyScope, anyExpression)
const anyPolicies = fc
  .tuple(fc.array(anyPolicy, { maxLength: 4 }), fc.array(anyPolicy, { maxLength: 2 }), fc.boolean())
  .map(([forbids, permits, all]) => [
    ...(all ? [`${words('permit_all')} permit (principal, action, resource);`] : []),
    ...forbids.map(([scope, when], at) => `${words(`policy_${at}`)} forbid ${scope} when { ${when} };`),
    ...permits.map(([scope, when], at) => `${words(`permit_${at}`)} permit ${scope} when { ${when} };`),
  ])
const anyAsked = fc.record({
  tier: fc.constantFrom(...tiers),
  team: fc.constantFrom(...names.team),
  template: fc.constantFrom(...names.template),
  agent: fc.constantFrom(...names.agent),
  class: fc.constantFrom(...toolClasses),
  environment: fc.constantFrom(...environments),
  sensitivity: fc.constantFrom(...sensitivities),
  demo: fc.boolean(),
  breakGlass: fc.boolean(),
  server: fc.constantFrom(...names.server),
  tool: fc.constantFrom(...names.tool),
})

test('what the table says is what Cedar decides, of whatever facts and policies', { timeout: 60_000 }, async () => {
  let refused = 0
  await fc.assert(
    fc.asyncProperty(anyPolicies, fc.array(anyAsked, { minLength: 10, maxLength: 10 }), async (policies, all) => {
      const guardrails = new Guardrails(await tableOf(policies))
      const set = createCedarPolicySet({ schema: policySchema, policies })
      for (const asked of all) {
        const said = guardrails.whyNot({
          ...asked,
          demo: String(asked.demo),
          breakGlass: String(asked.breakGlass),
          tool: `${asked.server}/${asked.tool}`,
        })
        const judged = set.judge(questionOf(asked))
        if (judged) refused += 1
        // Of several that forbid, any may be named.
        expect({ policies, asked, refused: said !== null }).toEqual({ policies, asked, refused: judged !== null })
      }
    }),
    { numRuns: 100 },
  )
  expect(refused).toBeGreaterThan(100)
})

test('what is forbidden at some times or in some runs stays within reach, what is forbidden at all of them does not', async () => {
  const asked = { tier: 'low', team: '', template: '', agent: '', class: 'read', environment: 'staging', sensitivity: 'internal', demo: 'false', breakGlass: 'false', server: 's', tool: '' } // prettier-ignore
  const permitAll = `${words('permit_all')} permit (principal, action, resource);`
  const whyNot = async (when: string) =>
    new Guardrails(
      await tableOf([permitAll, `${words('policy_it')} forbid (principal, action, resource) when { ${when} };`]),
    ).whyNot(asked)
  expect(await whyNot('context.hour < 23')).toBeNull()
  expect(await whyNot('context.hour < 24 && context.weekday > 0')).toBe('policy_it')
  expect(await whyNot('context has session')).toBeNull()
  expect(await whyNot('if context has session then context.session.agentVersion > 0 else true')).toBe('policy_it')
})

test('two policies can permit seeing and calling, and versions are told apart as the policies do', async () => {
  const asked = { tier: 'low', team: '', template: '', agent: '', class: 'read', environment: 'staging', sensitivity: 'internal', demo: 'false', breakGlass: 'false', server: 's', tool: '' } // prettier-ignore
  const whyNot = async (...policies: string[]) => new Guardrails(await tableOf(policies)).whyNot(asked)
  const only = (action: string) =>
    `${words(`permit_${action}`)} permit (principal, action == Wheelhouse::Action::"${action}", resource);`
  expect(await whyNot(only('list'), only('call'))).toBeNull()
  expect(await whyNot(only('list'))).toBe('policy_default_deny')
  const permit = (when: string) => `${words('permit_it')} permit (principal, action, resource) when { ${when} };`
  const forbid = (when: string) => `${words('policy_it')} forbid (principal, action, resource) unless { ${when} };`
  const version = (is: string) => `context has session && context.session.agentVersion ${is}`
  expect(await whyNot(permit(version('== 7')))).toBeNull()
  expect(await whyNot(permit('true'), forbid(version('>= 5')))).toBeNull()
  expect(await whyNot(permit('true'), forbid(version('< 1')))).toBe('policy_it')
})

test('a policy that looks at more than can be asked about shows more as reachable, and takes no longer', async () => {
  const many = (type: string) =>
    Array.from({ length: 40 }, (_, at) => `Wheelhouse::${type}::"${type}-${at}"`).join(', ')
  const when = `principal in [${many('Team')}] && resource in [${many('Server')}] && context.hour < 30`
  const table = await tableOf([
    `${words('permit_it')} permit (principal, action, resource) when { ${when} };`,
    `${words('policy_it')} forbid (principal, action, resource) when { ${when} };`,
  ])
  expect(table).toEqual({
    forbids: [],
    permits: {
      list: [{ id: 'permit_it', looksAt: [], applies: [''] }],
      call: [{ id: 'permit_it', looksAt: [], applies: [''] }],
    },
  })
})

test('a permission at some times counts; a policy that fails refuses; what is held cannot be told', async () => {
  const asked = { tier: 'low', team: '', template: '', agent: '', class: 'read', environment: 'staging', sensitivity: 'internal', demo: 'false', breakGlass: 'false', server: 's', tool: '' } // prettier-ignore
  const whyNot = async (...policies: string[]) => new Guardrails(await tableOf(policies)).whyNot(asked)
  const permit = (when: string) => `${words('permit_it')} permit (principal, action, resource) when { ${when} };`
  const forbid = (when: string) => `${words('policy_it')} forbid (principal, action, resource) when { ${when} };`
  expect(await whyNot()).toBe('policy_default_deny')
  expect(await whyNot(permit('context.hour == 3'))).toBeNull()
  expect(await whyNot(permit('principal.tier == "high"'))).toBe('policy_default_deny')
  expect(await whyNot(permit('9223372036854775807 + context.weekday > 0'))).toBe('policy_error')
  expect(await whyNot(permit('principal in Wheelhouse::Access::"s:read"'))).toBeNull()
  expect(await whyNot(permit('true'), forbid('principal in Wheelhouse::Access::"s:read"'))).toBeNull()
  expect(new Guardrails(null).whyNot(asked)).toBe('policy_error')
})

function questionOf(asked: typeof anyAsked extends fc.Arbitrary<infer T> ? T : never): PolicyQuestion {
  const { server, breakGlass } = asked
  const grant = { id: 'g', serverId: server, class: asked.class, toolName: null, via: breakGlass ? 'break_glass' : 'request', expiresAt: null } // prettier-ignore
  return {
    agent: { id: asked.agent, teamId: asked.team, templateId: asked.template, tier: asked.tier },
    server: { id: server, environment: asked.environment, sensitivity: asked.sensitivity, demo: asked.demo },
    tool: { serverId: server, name: asked.tool, class: asked.class },
    grants: [grant],
    simulated: false,
    breakGlass,
    session: null,
    clock: { hour: 12, weekday: 3 },
  }
}
