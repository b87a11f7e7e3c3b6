import { expect, test } from 'vitest'
import { policySetActions, policySetStates } from '../schema/policy-sets.ts'
import { canMovePolicySet, decideEnforcing, decidePolicySetMove, type PolicySetFacts } from './policy-set-life.ts'

const set = (change: Partial<PolicySetFacts> = {}): PolicySetFacts => ({
  number: 3,
  state: 'draft',
  version: 'v3',
  authorIds: ['author'],
  enforcedAt: null,
  ...change,
})
const around = { enforced: 2, logOnly: null, tried: true, person: 'other' }

test('which action leads where is one table', () => {
  const possible = policySetStates.map((state) => [
    state,
    policySetActions.filter((action) => canMovePolicySet(state, action)),
  ])
  expect(Object.fromEntries(possible)).toEqual({
    draft: ['edit', 'log_only', 'enforce'],
    log_only: ['edit', 'end_log_only', 'enforce'],
    enforced: [],
    superseded: ['roll_back'],
  })
})

test('whoever wrote it does not enforce it, and may roll back to it', () => {
  const own = { ...around, person: 'author' }
  expect(decidePolicySetMove(set(), 'enforce', own)).toMatchObject({
    ok: false,
    error: { rule: 'policies:second_person' },
  })
  expect(decidePolicySetMove(set(), 'log_only', own)).toMatchObject({ ok: true })
  const before = set({ state: 'superseded', enforcedAt: new Date() })
  expect(decidePolicySetMove(before, 'roll_back', own)).toMatchObject({ ok: true })
})

test('one set at a time is log-only', () => {
  const refused = decidePolicySetMove(set(), 'log_only', { ...around, logOnly: 4 })
  expect(refused).toMatchObject({ ok: false, error: { rule: 'policies:log_only_taken' } })
})

test('what was looked at is enforced: its text, in the place of the set in force, tried before or with the reason why not', () => {
  const input = { number: 3, version: 'v3', replaces: 2, withoutReplay: null }
  const decide = (change: Partial<typeof input>, tried = true) => {
    const decision = decideEnforcing(set(), { ...input, ...change }, { ...around, tried })
    return decision.ok ? 'ok' : decision.error.rule
  }
  expect(decide({})).toBe('ok')
  expect(decide({ version: 'v2' })).toBe('policies:changed_meanwhile')
  expect(decide({ replaces: 1 })).toBe('policies:changed_meanwhile')
  expect(decide({}, false)).toBe('policies:without_replay')
  expect(decideEnforcing(set(), { ...input, withoutReplay: 'It is urgent.' }, { ...around, tried: false }).ok).toBe(
    true,
  )
})
