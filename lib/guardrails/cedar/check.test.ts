import { expect, test } from 'vitest'
import { policySchema } from '../queries/policy-source.ts'
import { forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { checkPolicies } from './check.ts'
import { joinPolicies, splitPolicies } from './split.ts'
import { policyWarnings } from './warnings.ts'

const check = (text: string) => checkPolicies(text, policySchema)
const beside = (id: string) => `@id("${id}") @title("T") @explanation("E") @remedy("R")`

test('a text is cut where its policies end, not in strings and comments', () => {
  const texts = ['// a; b\n@title("x; \\"y;")\npermit (principal, action, resource);', 'forbid (principal);']
  expect(splitPolicies(`\n${texts.join('\n\n')}\n// the end;`).map(({ text }) => text)).toEqual(texts)
  expect(splitPolicies(joinPolicies(texts)).map(({ text }) => text)).toEqual(texts)
  expect(splitPolicies('permit (principal').map(({ text }) => text)).toEqual(['permit (principal'])
})

test('everything that does not parse is named at its line and column, in every policy at once', () => {
  const { problems } = check(
    `// é\nforbid (principal, action, resource) when { 1 + };\n\npermit (principal,\n  actoin, resource);`,
  )
  expect(problems.map(({ line, column }) => [line, column])).toEqual([
    [2, 49],
    [5, 3],
  ])
  expect(problems[0]!.help).toContain('expected')
})

test('what does not type-check is named at its place with its policy and what to do', () => {
  const { problems } = check(
    `${permitsGranted}\n\n${beside('policy_wrong')}\nforbid (principal, action, resource)\nwhen { resource.colour == "red" };`,
  )
  expect(problems).toMatchObject([{ policyId: 'policy_wrong', line: 9 }])
  expect(problems[0]!.message).toContain('colour')
})

test.each([
  ['no id', 'forbid (principal, action, resource);', /no @id/],
  [
    'an id of another kind',
    '@id("permit_x") @title("T") @explanation("E") @remedy("R") forbid (principal, action, resource);',
    /cannot be one/,
  ],
  ['an id of the platform', `${beside('policy_error')} forbid (principal, action, resource);`, /cannot be one/],
  ['no title', '@id("policy_x") @explanation("E") @remedy("R") forbid (principal, action, resource);', /no @title/],
  ['no remedy', '@id("policy_x") @title("T") @explanation("E") forbid (principal, action, resource);', /no @remedy/],
])('a policy with %s is refused, and told what to write', (_, text, message) => {
  const { problems } = check(text)
  expect(problems.map((problem) => problem.message).join()).toMatch(message)
  expect(problems.every(({ help }) => help.length > 0)).toBe(true)
})

test('two policies of one id are refused; one that permits needs no remedy', () => {
  const permit = '@id("permit_x") @title("T") @explanation("E") permit (principal, action, resource);'
  expect(check(permit).problems).toEqual([])
  expect(check(`${permit}\n${permit}`).problems).toMatchObject([
    { line: 2, message: 'Two policies have the @id permit_x.' },
  ])
})

test('what permits nothing, what is gone and what can never be is warned of', () => {
  const warn = (text: string) => {
    const checked = check(text)
    expect(checked.problems).toEqual([])
    return [...checked.warnings, ...policyWarnings(checked.policies, ['permit_granted'])].map(({ message }) => message)
  }
  expect(warn(`${permitsGranted}\n${forbids('policy_x', 'resource.class == "read"')}`)).toEqual([])
  expect(warn(forbids('policy_x', 'resource.class == "read"'))).toEqual(['No policy permits anything.'])
  const other = '@id("permit_x") @title("T") @explanation("E") permit (principal, action, resource);'
  expect(warn(other)).toEqual(['The policy permit_granted of the set in force is gone.'])
  const never = [
    forbids('policy_a', 'principal.tier == "hgih"'),
    forbids('policy_b', '["red"].contains(resource.class)'),
    forbids('policy_c', 'principal is Wheelhouse::Team'),
  ]
  const said = warn([permitsGranted, ...never].join('\n'))
  expect(said).toHaveLength(3)
  expect(said).toContain('No tier is "hgih", so this comparison is never true.')
  expect(said).toContain('No class is "red", so this comparison is never true.')
})
