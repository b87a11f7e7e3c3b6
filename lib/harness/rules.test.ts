import { describe, expect, test } from 'vitest'
import { decideLaunch, endOfStopped, type LaunchFacts, reachedLimit } from './rules.ts'
import { launchRules } from './schema.ts'

const launchable: LaunchFacts = {
  agentId: 'invoice-reconciler-7',
  agent: { status: 'active', statusReason: null, currentVersion: 3 },
  stop: null,
  bound: true,
  required: [
    { serverId: 'invoices', class: 'read' },
    { serverId: 'erp', class: 'write' },
  ],
  grants: [
    { serverId: 'invoices', class: 'write' },
    { serverId: 'erp', class: 'write' },
  ],
  spentMicros: 499_999_999n,
  budgetMicros: 500_000_000n,
}

const breakages: Record<(typeof launchRules)[number], Partial<LaunchFacts>> = {
  killed: { stop: { id: 'o1', scope: 'team', orderedByName: 'Olga', reason: 'incident 12' } },
  agent_unknown: { agent: null },
  agent_not_active: { agent: { status: 'suspended', statusReason: 'owner left', currentVersion: 3 } },
  version_not_bound: { bound: false },
  grant_missing: { grants: [{ serverId: 'invoices', class: 'read' }] },
  budget_exhausted: { spentMicros: 500_000_000n },
}

describe('decideLaunch', () => {
  test('lets a registered, active, ready, granted agent within its budget run its current version', () => {
    expect(decideLaunch(launchable)).toEqual({ ok: true, value: { version: 3 } })
  })

  test.each(launchRules)('refuses by %s', (rule) => {
    expect(decideLaunch({ ...launchable, ...breakages[rule] })).toMatchObject({ ok: false, error: { rule } })
  })

  test('says what is missing, who stopped it and how much was spent', () => {
    const refusal = (facts: Partial<LaunchFacts>) => {
      const decision = decideLaunch({ ...launchable, ...facts })
      return decision.ok ? null : decision.error
    }
    expect(refusal(breakages.grant_missing)).toMatchObject({
      message: 'invoice-reconciler-7 needs write on erp, which nobody has granted.',
      missing: [{ serverId: 'erp', class: 'write' }],
    })
    expect(refusal(breakages.killed)?.message).toBe('A stop order on the team by Olga is in force: incident 12')
    expect(refusal(breakages.budget_exhausted)?.message).toContain('$500.00 of $500.00')
    expect(refusal({ budgetMicros: 0n, spentMicros: 0n })?.rule).toBe('budget_exhausted')
  })

  test('an unknown template version is refused, not taken as needing nothing', () => {
    expect(decideLaunch({ ...launchable, required: null })).toMatchObject({ error: { rule: 'grant_missing' } })
  })

  test('the stop order is named before anything else', () => {
    expect(decideLaunch({ ...launchable, ...breakages.killed, ...breakages.agent_not_active })).toMatchObject({
      error: { rule: 'killed' },
    })
  })
})

describe('reachedLimit', () => {
  const startedAt = new Date('2026-11-22T10:00:00Z')
  const limits = { deadlineMinutes: 30, turnsMax: 20, runBudgetMicros: 2_000_000 }
  const run = { startedAt, turns: 19, costMicros: 1_999_999n }
  const at = (minutes: number) => new Date(startedAt.getTime() + minutes * 60_000)

  test.each([
    [run, 29, null],
    [run, 30, 'run_deadline'],
    [{ ...run, turns: 20 }, 1, 'run_turns'],
    [{ ...run, costMicros: 2_000_000n }, 1, 'run_budget'],
  ] as const)('%o after %i minutes: %s', (run, minutes, rule) => {
    expect(reachedLimit(run, limits, at(minutes))).toBe(rule)
  })
})

test('a limit fails a run, people and the kill switch stop it', () => {
  expect(endOfStopped('run_deadline')).toEqual({ state: 'failed', stopReason: 'deadline' })
  expect(endOfStopped('killed')).toEqual({ state: 'stopped', stopReason: 'killed' })
  expect(endOfStopped('stopped_by_person')).toEqual({ state: 'stopped', stopReason: 'interrupted' })
})
