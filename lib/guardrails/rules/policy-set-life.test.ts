import { expect, test } from 'vitest'
import { policySetActions, policySetStates } from '../schema/policy-sets.ts'
import { easesTrial, termsFor, type TrialFacts, trialOf } from './policy-trial.ts'
import { canMovePolicySet, decideEnforcing, decidePolicySetMove, type PolicySetFacts } from './policy-set-life.ts'

const set = (change: Partial<PolicySetFacts> = {}): PolicySetFacts => ({
  number: 3,
  state: 'draft',
  version: 'v3',
  authorIds: ['author'],
  enforcedAt: null,
  firstLogOnlyAt: null,
  ...change,
})
const terms = { logOnlyMinutes: 60, logOnlyCalls: 1 }
const window = { from: '2026-11-01T00:00:00.000Z', to: '2026-11-01T01:00:00.000Z' }
const replayed = (calls: number, judged: number) =>
  trialOf({ replay: { calls, judged, ...window }, logOnly: null, terms, loosens: false })
const untried = trialOf({ replay: null, logOnly: null, terms, loosens: false })
const around = { enforced: 2, logOnly: null, trial: replayed(10, 10), person: 'other' }

test('which action leads where is one table', () => {
  const possible = policySetStates.map((state) => [
    state,
    policySetActions.filter((action) => canMovePolicySet(state, action)),
  ])
  expect(Object.fromEntries(possible)).toEqual({
    draft: ['edit', 'log_only', 'enforce', 'discard'],
    log_only: ['edit', 'end_log_only', 'enforce'],
    enforced: [],
    superseded: ['roll_back'],
    discarded: [],
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
  const input = { number: 3, version: 'v3', replaces: 2, withoutReplay: null, emptyReplay: null }
  type Input = Parameters<typeof decideEnforcing>[1]
  const decide = (change: Partial<Input>, trial = around.trial) => {
    const decision = decideEnforcing(set(), { ...input, ...change }, { ...around, trial })
    return decision.ok ? 'ok' : decision.error.rule
  }
  const why = 'It is urgent.'
  expect(decide({})).toBe('ok')
  expect(decide({ version: 'v2' })).toBe('policies:changed_meanwhile')
  expect(decide({ replaces: 1 })).toBe('policies:changed_meanwhile')
  expect(decide({}, untried)).toBe('policies:without_replay')
  expect(decide({ emptyReplay: why }, untried)).toBe('policies:without_replay')
  expect(decide({ withoutReplay: why }, untried)).toBe('ok')
  expect(decide({}, replayed(0, 0))).toBe('policies:replay_without_calls')
  expect(decide({ emptyReplay: why }, replayed(0, 0))).toBe('ok')
  expect(decide({ withoutReplay: why }, replayed(0, 0))).toBe('ok')
  // There were calls, and it could be asked about none of them: that is no empty window.
  expect(decide({ emptyReplay: why }, replayed(12, 0))).toBe('policies:without_replay')
})

test('who is refused for want of a trial reads what was done, what counts, and what to do', () => {
  const refusal = (facts: TrialFacts) => {
    const input = { number: 3, version: 'v3', replaces: 2, withoutReplay: null, emptyReplay: null }
    const decision = decideEnforcing(set(), input, { ...around, trial: trialOf(facts) })
    return decision.ok ? '' : decision.error.message
  }
  const empty = refusal({
    replay: { calls: 0, judged: 0, ...window },
    logOnly: { minutes: 3, calls: 0 },
    terms,
    loosens: false,
  })
  expect(empty).toContain('no call is on record from 2026-11-01 00:00 to 2026-11-01 01:00 UTC')
  expect(empty).toContain(
    'It was log-only for 3 minutes and judged 0 calls; that counts from 60 minutes and 1 judged call.',
  )
  expect(empty).toContain('(emptyReplay)')
  const none = refusal({ replay: { calls: 12, judged: 0, ...window }, logOnly: null, terms, loosens: false })
  expect(none).toContain('none of 12 recorded calls could be decided again')
  expect(none).toContain('(withoutReplay)')
})

test('log-only counts once it lasted as long and judged as many calls as the terms want, not one of the two', () => {
  const outcome = (minutes: number, calls: number) =>
    trialOf({
      replay: null,
      logOnly: { minutes, calls },
      terms: { logOnlyMinutes: 60, logOnlyCalls: 5 },
      loosens: false,
    }).outcome
  expect([outcome(60, 5), outcome(59, 5), outcome(60, 4)]).toEqual(['tried', 'not_tried', 'not_tried'])
})

test('a set that may allow what the one in force refuses is tried by no less than its minimum, whatever the terms say', () => {
  const low = { logOnlyMinutes: 1, logOnlyCalls: 1 }
  expect(termsFor({ terms: low, loosens: false })).toEqual(low)
  expect(termsFor({ terms: low, loosens: true })).toEqual({ logOnlyMinutes: 60, logOnlyCalls: 20 })
  const high = { logOnlyMinutes: 90, logOnlyCalls: 500 }
  expect(termsFor({ terms: high, loosens: true })).toEqual(high)
  const { says } = trialOf({
    replay: null,
    logOnly: { minutes: 2, calls: 3 },
    terms: termsFor({ terms: low, loosens: true }),
    loosens: true,
  })
  expect(says.at(-1)).toBe(
    'It was log-only for 2 minutes and judged 3 calls; that counts from 60 minutes and 20 judged calls, because it may allow what the set in force refuses.',
  )
})

test('one call decided again does not try a set that may allow more, as many as its minimum do', () => {
  const trial = (judged: number, loosens: boolean) =>
    trialOf({ replay: { calls: 50, judged, ...window }, logOnly: null, terms, loosens })
  expect([trial(1, false).outcome, trial(1, true).outcome, trial(19, true).outcome, trial(20, true).outcome]).toEqual([
    'tried',
    'not_tried',
    'not_tried',
    'tried',
  ])
  expect(trial(19, true).says[0]).toBe(
    'Recorded calls were replayed with this text: 19 were decided again; that counts from 20, because it may allow what the set in force refuses.',
  )
  expect(trial(20, true).says[0]).toBe('Recorded calls were replayed with this text: 20 were decided again.')
})

test('less than now and than the defaults takes a second person; more, or less above the defaults, does not', () => {
  const at = (logOnlyMinutes: number, logOnlyCalls = 1) => ({ logOnlyMinutes, logOnlyCalls })
  expect(easesTrial(at(59), at(60))).toBe(true)
  expect(easesTrial(at(60), at(1440))).toBe(false)
  expect(easesTrial(at(30), at(10))).toBe(false)
  expect(easesTrial(at(61, 1), at(60, 500))).toBe(false)
  expect(easesTrial(at(20, 900), at(30, 1))).toBe(true)
})

test('a draft is thrown away, and nothing that judged live calls', () => {
  expect(decidePolicySetMove(set(), 'discard', { ...around, person: 'author' }).ok).toBe(true)
  const refusals = [set({ firstLogOnlyAt: new Date() }), set({ state: 'log_only' }), set({ state: 'discarded' })].map(
    (each) => decidePolicySetMove(each, 'discard', around),
  )
  expect(refusals).toMatchObject([
    { ok: false, error: { rule: 'policies:kept' } },
    { ok: false, error: { rule: 'policies:not_a_draft' } },
    { ok: false, error: { rule: 'policies:discarded' } },
  ])
})
