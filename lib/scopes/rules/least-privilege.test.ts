import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { covers } from '#lib/registry/rules.ts'
import { toolClasses } from '#lib/registry/schema.ts'
import type { GrantUsage } from '../schema/usage.ts'
import { judgeGrants, type UsedGrant } from './least-privilege.ts'

const now = new Date('2026-11-22T10:00:00Z')
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000)
const tools = { look: 'read', find: 'read', change: 'write', wipe: 'destructive' } as const
type Calls = Partial<Record<keyof typeof tools, number>>

/** A grant with those of the calls that it covers. */
function grantOf(grantId: string, more: Partial<UsedGrant> & { calls?: Calls; before?: Calls } = {}): UsedGrant {
  const { calls = {}, before = {}, ...rest } = more
  const grant: UsedGrant = {
    grantId,
    serverId: 'erp',
    class: 'read',
    toolName: null,
    createdAt: daysAgo(60),
    expiresAt: null,
    limited: false,
    rated: false,
    conditionPointers: [],
    breakGlass: false,
    reached: 0,
    tools: [],
    ...rest,
  }
  const covered = (Object.keys(tools) as (keyof typeof tools)[]).filter(
    (tool) => covers(grant.class, tools[tool]) && (grant.toolName === null || grant.toolName === tool),
  )
  grant.reached = Object.values(tools).filter((each) => covers(grant.class, each)).length
  grant.tools = covered.map((tool) => ({
    tool,
    class: tools[tool],
    calls: calls[tool] ?? 0,
    callsBefore: before[tool] ?? 0,
    lastAt: daysAgo(1),
  }))
  return grant
}
const judge = (...grants: UsedGrant[]) =>
  new Map(judgeGrants(grants, { now, days: 30 }).map((usage) => [usage.grantId, usage]))

describe('proposals', () => {
  test('a class is narrowed to what was called, with what the days before would have been denied', () => {
    const wide = grantOf('wide', { class: 'write', calls: { look: 30 }, before: { look: 5, change: 7 } })
    expect(judge(wide).get('wide')?.proposal).toEqual({
      kind: 'narrow',
      because: 'narrower',
      toolNames: ['look'],
      coveredBy: [],
      conditions: [],
      calls: 30,
      denials: 0,
      denialsBefore: 7,
      unknownBefore: 0,
      daysBefore: 30,
    })
  })

  test('what a narrower grant covers anyway needs no wider one', () => {
    const calls = { look: 30, change: 3 }
    const [wide, read, one] = [
      grantOf('wide', { class: 'write', calls }),
      grantOf('read', { calls }),
      grantOf('one', { toolName: 'look', calls }),
    ]
    const judged = judge(wide, read, one)
    expect(judged.get('one')?.proposal).toBeNull()
    expect(judged.get('read')?.proposal).toMatchObject({ kind: 'revoke', because: 'covered', coveredBy: ['one'] })
    expect(judged.get('wide')?.proposal).toMatchObject({ kind: 'narrow', toolNames: ['change'], coveredBy: ['one'] })
  })

  test('one that is limited, ends sooner or is of an emergency covers nothing for another', () => {
    for (const more of [{ limited: true }, { expiresAt: daysAgo(-5) }, { breakGlass: true }]) {
      const one = grantOf('one', { toolName: 'look', calls: { look: 30 }, ...more })
      const judged = judge(one, grantOf('read', { calls: { look: 30 } }))
      expect(judged.get('read')?.proposal).toMatchObject({ kind: 'narrow', toolNames: ['look'] })
    }
  })

  test('of two alike one stays', () => {
    const judged = judge(grantOf('a', { calls: { look: 30 } }), grantOf('b', { calls: { look: 30 } }))
    expect([judged.get('a')?.proposal?.kind, judged.get('b')?.proposal?.kind]).toEqual(['narrow', 'revoke'])
  })

  test('how much is missing is said where there is too little to tell', () => {
    const young = grantOf('young', { createdAt: daysAgo(12), calls: { look: 40 } })
    const few = grantOf('few', { serverId: 'crm', calls: { look: 8 } })
    const judged = judge(young, few)
    expect(judged.get('young')).toMatchObject({ proposal: null, missing: { days: 18, calls: 0 } })
    expect(judged.get('few')).toMatchObject({ proposal: null, missing: { days: 0, calls: 12 } })
    expect(judge(grantOf('idle')).get('idle')).toMatchObject({ missing: null, proposal: { because: 'unused' } })
  })
})

test('whoever follows every proposal denies no call that was looked at', () => {
  const call = fc.record({ look: fc.nat(40), find: fc.nat(40), change: fc.nat(40), wipe: fc.nat(40) })
  const made = fc.record({
    class: fc.constantFrom(...toolClasses),
    toolName: fc.constantFrom(null, null, 'look', 'change', 'wipe'),
    age: fc.integer({ min: 1, max: 90 }),
    ends: fc.constantFrom(null, 5, 50),
    rated: fc.boolean(),
    breakGlass: fc.boolean(),
  })
  fc.assert(
    fc.property(call, fc.array(made, { maxLength: 6 }), (calls, wanted) => {
      const grants = wanted
        .filter(({ toolName, class: of }) => toolName === null || covers(of, tools[toolName as keyof typeof tools]))
        .map(({ age, ends, rated, ...grant }, at) =>
          grantOf(`grant-${at}`, {
            ...grant,
            createdAt: daysAgo(age),
            expiresAt: ends === null ? null : daysAgo(-ends),
            rated,
            limited: rated,
            calls,
          }),
        )
      const judged = judge(...grants)
      for (const tool of Object.keys(tools) as (keyof typeof tools)[]) {
        if (calls[tool] === 0) continue
        const reached = (grant: UsedGrant) => grant.tools.some((each) => each.tool === tool)
        const before = grants.filter((grant) => reached(grant) && !grant.limited)
        const after = before.filter((grant) => keeps(judged.get(grant.grantId)!, tool))
        // As many and as long: the end of the latest one does not come nearer.
        expect(latest(after)).toBe(latest(before))
      }
      for (const usage of judged.values()) expect(usage.proposal?.denials ?? 0).toBe(0)
    }),
    { numRuns: 500 },
  )
})

function keeps({ proposal }: GrantUsage, tool: string): boolean {
  return proposal === null || proposal.toolNames.includes(tool)
}

function latest(grants: readonly UsedGrant[]): number {
  return Math.max(0, ...grants.map(({ expiresAt }) => expiresAt?.getTime() ?? Infinity))
}
