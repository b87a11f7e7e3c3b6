import { expect, test } from 'vitest'
import { rangeHours } from '../schema/replays.ts'
import type { SituationFacts } from '../schema/situations.ts'
import { Comparison, type RecordedGroup, RecordedCalls } from './replay.ts'
import { replaySays } from './replay-words.ts'

const nothing = { differences: 0, calls: 0 }
const lastAt = new Date('2026-11-22T10:00:00Z')
const facts = (agent: string): SituationFacts => ({
  agent: { id: agent, team: 'finance', tier: 'low', template: null },
  server: { id: 'erp', environment: 'production', sensitivity: 'internal', demo: false },
  tool: { name: 'get_order', class: 'read', isMethod: false },
  grants: [],
  simulated: false,
  breakGlass: false,
  session: null,
})
const group = (change: Partial<RecordedGroup>): RecordedGroup => ({
  situation: 's1',
  decision: 'allow',
  rule: null,
  version: 'v1',
  hour: null,
  calls: 1,
  lastAt,
  ...change,
})

test('alike ones of different parts of the log are added up, and different ones are not', () => {
  const recorded = new RecordedCalls()
  const later = new Date('2026-11-22T11:00:00Z')
  for (const each of [group({ calls: 2 }), group({ version: 'v2' }), group({ calls: 3, lastAt: later })])
    recorded.add(each)
  for (const each of [group({ decision: 'deny', rule: 'policy_x' }), group({ hour: 7 })]) recorded.add(each)
  const groups = [...recorded.all()]
  expect(groups).toHaveLength(4)
  expect(groups[0]).toMatchObject({ calls: 5, lastAt: later })
})

test('what the set decides otherwise is told by kind, situation and policy; the rest is counted', () => {
  const comparison = new Comparison('v9')
  const refused = group({ decision: 'deny', rule: 'policy_old', calls: 3 })
  const one = comparison.addSituation('s1', {
    facts: facts('a'),
    groups: [group({ calls: 10 }), group({ version: 'v2', calls: 5 }), refused],
    verdict: () => 'policy_new',
  })
  const two = comparison.addSituation('s2', {
    facts: facts('b'),
    groups: [refused, group({ calls: 1 })],
    verdict: () => null,
  })
  const three = comparison.addSituation('s3', {
    facts: facts('b'),
    groups: [group({ calls: 2 })],
    verdict: () => 'policy_new',
  })
  const figures = comparison.result()
  expect([...one, ...two, ...three]).toMatchObject([
    { kind: 'blocked', situation: 's1', agentId: 'a', rule: 'policy_new', calls: 15, hours: [] },
    { kind: 'permitted', situation: 's2', agentId: 'b', rule: 'policy_old', calls: 3 },
    { kind: 'blocked', situation: 's3', agentId: 'b', rule: 'policy_new', calls: 2 },
  ])
  expect(figures).toMatchObject({
    calls: 24,
    judged: 24,
    blocked: { calls: 17, agents: 2 },
    permitted: { calls: 3, agents: 1 },
    otherRule: 3,
    unreproduced: 0,
    against: [
      { version: 'v1', calls: 19 },
      { version: 'v2', calls: 5 },
    ],
  })
})

test('a set whose answer depends on the hour is asked once for each, and the hours are told', () => {
  const comparison = new Comparison('v9')
  const asked: (number | null)[] = []
  const differences = comparison.addSituation('s1', {
    facts: facts('a'),
    groups: [8, 9, 22, 23, 22].map((hour, at) => group({ hour, version: `v${at}` })),
    verdict: (_, hour) => (asked.push(hour), hour! > 20 ? 'policy_night' : null),
  })
  expect(asked).toEqual([8, 9, 22, 23])
  expect(differences).toMatchObject([{ calls: 3, hours: [22, 23] }])
})

test('what was decided otherwise by the same text is said, whatever it was', () => {
  const comparison = new Comparison('v1')
  comparison.addSituation('s1', { facts: facts('a'), groups: [group({ calls: 4 })], verdict: () => 'policy_new' })
  const figures = { ...comparison.result(), leftOut: nothing }
  expect(figures.unreproduced).toBe(4)
  expect(replaySays(figures).at(-1)).toMatch(/^4 calls were decided otherwise by this very text/)
})

test('what cannot be judged is counted and not guessed', () => {
  const comparison = new Comparison('v1')
  comparison.addUnnamed(group({ situation: null, version: null, calls: 7 }))
  comparison.addUnnamed(
    group({ situation: null, version: null, decision: 'deny', rule: 'policy_default_deny', calls: 2 }),
  )
  comparison.addUnnamed(group({ situation: null, version: null, decision: 'deny', rule: 'grant_missing', calls: 5 }))
  comparison.addUnnamed(group({ situation: null, version: null, decision: 'stranger', calls: 90 }))
  const figures = { ...comparison.result(), leftOut: nothing }
  expect(figures).toMatchObject({ calls: 14, judged: 0, unjudged: 9, untouched: 5, strangers: 90 })
  expect(replaySays(figures)).toEqual([
    'There is no call on record that it could be asked about.',
    '9 of 14 calls (64.3 %) cannot be replayed: what the policies were asked is not on record. Recorded until 2026-11-22 10:00 UTC.',
    '5 calls were refused for another reason than the policies, which no policy changes.',
    '90 requests of callers that are no agent were refused before any policy was asked.',
  ])
})

test('the report says it in words', () => {
  const none = { ...new Comparison('v1').result(), leftOut: nothing, calls: 12_410, judged: 12_410 }
  expect(replaySays(none)).toEqual(['Would have blocked none of 12,410 calls.'])
  const some = { ...none, blocked: { calls: 37, agents: 4 }, permitted: { calls: 1, agents: 1 }, otherRule: 1 }
  expect(replaySays(some)).toEqual([
    'Would have blocked 37 of 12,410 calls, by 4 agents.',
    'Would have allowed 1 call that was refused, by 1 agent.',
    'Would have refused 1 refused call by another policy than the one that did.',
  ])
  const many = { ...none, leftOut: { differences: 1, calls: 1200 } }
  expect(replaySays(many).at(-1)).toBe(
    'More differs than a report keeps: 1 difference, of 1,200 calls, is counted above and left out of the lists by agent, tool and policy and of the calls to open.',
  )
  const few = { ...none, calls: 1_000_000, judged: 999_999, unjudged: 1, unjudgedUntil: null }
  expect(replaySays(few)[1]).toMatch(/^1 of 1,000,000 calls \(less than 0.1 %\)/)
  expect(replaySays({ ...few, judged: 1, unjudged: 999_999 })[1]).toMatch(/\(more than 99.9 %\)/)
})

test.each([
  ['1h', 1],
  ['90d', 2160],
  ['2160h', 2160],
  ['91d', null],
  ['2161h', null],
  ['0h', null],
  ['1w', null],
  ['', null],
  ['-1h', null],
])('%s is %s hours', (text, hours) => expect(rangeHours(text)).toBe(hours))
