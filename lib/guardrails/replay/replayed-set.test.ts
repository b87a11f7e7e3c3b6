import fc from 'fast-check'
import { expect, test } from 'vitest'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import { openPolicySet } from '../queries/policy-source.ts'
import { questionOf } from '../rules/situation.ts'
import type { SituationFacts } from '../schema/situations.ts'
import { replayedSet } from './replayed-set.ts'

const words = (id: string) => `@id("${id}") @title("T") @explanation("E") @remedy("R")`
const permitsGranted = `${words('permit_granted')} permit (principal, action, resource) when { principal in resource.openTo };`

const anyFacts: fc.Arbitrary<SituationFacts> = fc.record({
  agent: fc.record({
    id: fc.constantFrom('a1', 'a2', 'a3'),
    team: fc.constantFrom('t1', 't2', 't3'),
    tier: fc.constantFrom(...tiers),
    template: fc.constantFrom('p1', 'p2', null),
  }),
  server: fc.record({
    id: fc.constantFrom('s1', 's2', 's3'),
    environment: fc.constantFrom(...environments),
    sensitivity: fc.constantFrom(...sensitivities),
    demo: fc.boolean(),
  }),
  tool: fc.record({
    name: fc.constantFrom('x', 'y', 'method:x', 'tasks', 'resources/read'),
    class: fc.constantFrom(...toolClasses),
    isMethod: fc.boolean(),
  }),
  grants: fc.array(
    fc.record({
      class: fc.constantFrom(...toolClasses),
      toolName: fc.constantFrom(null, 'x', 'y', 'method:resources/read', 'method:tasks'),
      via: fc.constantFrom('request', 'break_glass'),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  simulated: fc.boolean(),
  breakGlass: fc.boolean(),
  session: fc.option(
    fc.record({
      agentVersion: fc.constantFrom(1, 2),
      startedBy: fc.constantFrom('manual', 'schedule', 'api', 'first_run'),
    }),
  ),
})

const anyCondition = fc.constantFrom(
  'principal.tier == "low"',
  'resource.class == "write"',
  'resource.server.environment == "production"',
  'resource["server"].sensitivity == "restricted"',
  'resource.server.demo',
  'context.breakGlass',
  'context.simulated',
  'context.hour < 8',
  'context.weekday > 5',
  'context has session && context.session.agentVersion == 2',
  'context has session && context.session.startedBy == "schedule"',
  'principal in Wheelhouse::Team::"t1"',
  'principal in Wheelhouse::Template::"p1"',
  'principal == Wheelhouse::Agent::"a1"',
  '[Wheelhouse::Agent::"a2"].contains(principal)',
  'resource in Wheelhouse::Server::"s1"',
  'resource.server == Wheelhouse::Server::"s2"',
  'resource == Wheelhouse::Tool::"s1/x"',
  'principal in Wheelhouse::Access::"s1:read"',
  'resource.openTo.contains(Wheelhouse::Access::"s2:write:x")',
)
const anyPolicies = fc
  .array(fc.tuple(anyCondition, anyCondition, fc.constantFrom('&&', '||')), { minLength: 1, maxLength: 3 })
  .map((all) =>
    all.map(
      ([a, b, join], at) =>
        `${words(`policy_${at}`)} forbid (principal, action, resource) when { (${a}) ${join} (${b}) };`,
    ),
  )

test(
  'a set answers in a replay what it answers a broker, whatever it names and whatever it leaves unsaid',
  { timeout: 60_000 },
  async () => {
    const property = fc.asyncProperty(
      anyPolicies,
      fc.array(fc.tuple(anyFacts, fc.integer({ min: 0, max: 167 })), { minLength: 20, maxLength: 40 }),
      async (policies, asked) => {
        const stored = { number: 1, version: 'v', policies: [permitsGranted, ...policies] }
        const [replayed, set] = [await replayedSet(stored), await openPolicySet(stored)]
        expect(replayed.problem).toBeNull()
        for (const [facts, hour] of asked) {
          const answer = replayed.verdict(facts, replayed.timed ? hour : null)
          expect({ facts, hour, answer }).toEqual({ facts, hour, answer: set.judge(questionOf(facts, hour)) })
        }
      },
    )
    await fc.assert(property, { numRuns: 40 })
  },
)

test('only a set that asks for the time is told it', async () => {
  const timed = async (condition: string) =>
    (
      await replayedSet({
        number: 1,
        version: 'v',
        policies: [permitsGranted, `${words('policy_x')} forbid (principal, action, resource) when { ${condition} };`],
      })
    ).timed
  expect(await timed('context.hour == 3')).toBe(true)
  expect(await timed('context.weekday == 3')).toBe(true)
  expect(await timed('context.breakGlass')).toBe(false)
})

test('a set that does not type-check cannot be asked, and says why', async () => {
  const set = await replayedSet({ number: 4, version: 'v', policies: ['permit (principal, action, resource);'] })
  expect(set.problem).toMatch(/policy set 4 is not valid/)
})
