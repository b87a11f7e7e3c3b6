import { expect, test } from 'vitest'
import { forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { policySchema } from '../queries/policy-source.ts'
import type { PolicyQuestion } from '../rules/policy-set.ts'
import { checkPolicies } from './check.ts'
import { cedarProblem } from './engine.ts'
import { chainMax, nestingMax } from './limits.ts'
import { createCedarPolicySet } from './policy-set.ts'
import { tryPolicies } from './try-policies.ts'

const question: PolicyQuestion = {
  agent: { id: 'a', teamId: 't', tier: 'low', templateId: null },
  server: { id: 's', environment: 'production', sensitivity: 'internal', demo: false },
  tool: { serverId: 's', name: 'w', class: 'write' },
  grants: [{ id: 'g', serverId: 's', class: 'write', toolName: null, via: 'request', expiresAt: null }],
  simulated: false,
  breakGlass: false,
  session: null,
  clock: { hour: 12, weekday: 3 },
}
const chain = (count: number, part: string, join: string) => Array.from({ length: count }, () => part).join(join)
const policies = (when: string) => [permitsGranted, forbids('policy_x', when)]

const atTheLimit: [string, string][] = [
  ['or', chain(chainMax, 'resource == Wheelhouse::Tool::"s/t"', ' || ')],
  ['and', chain(chainMax, 'context.hour == 5', ' && ')],
  ['plus', `${chain(chainMax, 'context.hour', ' + ')} == 5`],
  ['else', `${'if context.hour == 5 then true else '.repeat(chainMax - 1)}false`],
  ['brackets', `${'('.repeat(nestingMax - 2)}context.hour == 5${')'.repeat(nestingMax - 2)}`],
  [
    'brackets and a chain in each',
    Array.from({ length: 36 }).reduce<string>(
      (inner) => `(${chain(4, 'context.hour == 5', ' || ')} || ${inner})`,
      'context.simulated',
    ),
  ],
]

test.each(atTheLimit)('what is just short of the limit is judged: %s', { timeout: 30_000 }, (_, when) => {
  const set = createCedarPolicySet({ schema: policySchema, policies: policies(when) })
  expect(set.judge(question)).toBeNull()
  expect(cedarProblem()).toBeNull()
})

const beyond: [string, string, RegExp][] = [
  ['or', chain(400, 'context.hour == 5', ' || '), /joins more than 200/],
  ['else', `${'if context.hour == 5 then true else '.repeat(400)}false`, /joins more than 200/],
  ['brackets', `${'('.repeat(150)}context.hour == 5${')'.repeat(150)}`, /more than 40 deep/],
  ['sets', `${'['.repeat(300)}1${']'.repeat(300)}.isEmpty()`, /more than 40 deep/],
  ['attributes', `context${'.session'.repeat(300)}`, /more than 40 deep/],
  ['calls', `context${'.isEmpty()'.repeat(300)}`, /more than 40 deep/],
]

test.each(beyond)('what could break Cedar is refused at its line and never given to it: %s', (_, when, message) => {
  const { problems } = checkPolicies(policies(`\n${when}`).join('\n'), policySchema)
  expect(problems).toMatchObject([{ line: 11, message: expect.stringMatching(message) }])
  expect(checkPolicies(permitsGranted, policySchema).problems).toEqual([])
})

test('brackets and signs in strings and comments count for nothing', () => {
  const text = `// ${'('.repeat(500)}\n${forbids('policy_x', `principal == Wheelhouse::Agent::"${'(||'.repeat(300)}"`)}`
  expect(checkPolicies(text, policySchema).problems).toEqual([])
})

test('a text of nothing but mistakes is answered with the first fifty, a quote without an end with one', () => {
  expect(checkPolicies('x;\n'.repeat(60_000), policySchema).problems).toHaveLength(50)
  expect(checkPolicies('"' + '\\"'.repeat(90_000) + '\\', policySchema).problems.length).toBeGreaterThan(0)
}, 30_000)

test('a text is tried in a thread: what is wrong comes back as it is, and what is right as it was parsed', async () => {
  const right = await tryPolicies(policies('context.hour == 5').join('\n'), policySchema)
  expect(right).toEqual(checkPolicies(policies('context.hour == 5').join('\n'), policySchema))
  const wrong = await tryPolicies(policies('context.hour == "x"').join('\n'), policySchema)
  expect(wrong.problems).toHaveLength(1)
})
