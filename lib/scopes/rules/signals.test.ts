import { expect, test } from 'vitest'
import { signalsOf } from './signals.ts'

type Facts = Parameters<typeof signalsOf>[0]

const sums = { runs: 0, escalatedRuns: 0, toolCalls: 0, deniedCalls: 0, costMicros: '0', unpricedRequests: 0 }
const quiet: Facts = {
  days: 30,
  tools: [],
  elsewhere: { servers: 0, tools: 0 },
  firsts: [],
  denials: { count: 0, lastAt: null, rules: [] },
  earlier: { total: 0, items: [] },
  peers: { using: 0, items: [] },
  usage: [],
  review: { lastAt: '2026-11-01T00:00:00.000Z', nextAt: null, overdue: false },
  trend: { now: sums, before: sums },
  prompt: { version: 1, currentVersion: 1, text: '', changes: null },
  stops: [],
  openEscalations: 0,
  terms: { class: 'read', toolNames: [], days: 30, conditions: [], rate: null },
  peerTotal: 0,
  peerHolding: 0,
}
const texts = (facts: Partial<Facts>) => signalsOf({ ...quiet, ...facts }).map(({ tone, text }) => `${tone}: ${text}`)

test('nothing is said where nothing speaks for or against it', () => {
  expect(texts({})).toEqual([])
})

test('the most urgent comes first', () => {
  const stops = [{ target: 'ERP', reason: 'Leak.', by: 'Olga', at: '2026-11-22T00:00:00.000Z' }]
  expect(
    texts({
      peerTotal: 7,
      peerHolding: 3,
      peers: { using: 2, items: [] },
      firsts: [{ kind: 'environment', value: 'production' }],
      denials: { count: 1, lastAt: null, rules: [] },
      stops,
    }),
  ).toEqual([
    'danger: ERP is stopped by Olga: Leak.',
    'warn: It never reached a production server before.',
    'neutral: 1 call of exactly this was refused in 30 days.',
    'ok: 3 of 7 other agents of its template hold it; 2 used it in 30 days.',
  ])
})

test('what may change something is asked for with an end and with limits, or that is said', () => {
  const terms = { class: 'write' as const, toolNames: [], days: null, conditions: [], rate: null }
  expect(texts({ terms: { ...terms, conditions: [] } })).toEqual([
    'warn: It is asked for without an end.',
    'neutral: It is asked for with any arguments.',
  ])
})

test('peers that hold it within limits only are told apart', () => {
  const peer = { id: 'a', name: 'A', calls: 1, lastUsedAt: null, limits: ['/amount is at most 10'], expiresAt: null }
  expect(texts({ peerTotal: 1, peerHolding: 1, peers: { using: 1, items: [peer] } })[0]).toBe(
    'warn: 1 peer may use it only within limits; this one asks for none.',
  )
  expect(texts({ peerTotal: 2 })).toEqual(['warn: None of 2 other agents of its template holds it.'])
})

test('a rise of escalations is said when it is more than noise; a cost that is not priced is not compared', () => {
  const rise = (runs: number) => ({
    trend: { now: { ...sums, runs, escalatedRuns: runs / 2 }, before: { ...sums, runs: 10, escalatedRuns: 1 } },
  })
  expect(texts(rise(8))).toEqual([])
  expect(texts(rise(10))).toEqual(['warn: It escalates more: 50 % of its runs, 10 % before.'])
  const dearer = { now: { ...sums, costMicros: '1500' }, before: { ...sums, costMicros: '1000' } }
  expect(texts({ trend: dearer })).toHaveLength(1)
  expect(texts({ trend: { ...dearer, now: { ...dearer.now, unpricedRequests: 1 } } })).toEqual([])
})

test('what else is known of the agent', () => {
  const grant = { grantId: 'g', serverId: 's', class: 'read', toolName: null, calls: 0, lastUsedAt: null } as const
  const judged = { tools: [], arguments: [], narrower: null, proposal: null, missing: null }
  const unused = { ...grant, ...judged, verdict: 'unused' as const }
  expect(
    texts({
      usage: [unused, { ...unused, verdict: 'used' }],
      prompt: { version: 2, currentVersion: 3, text: '', changes: ['+ Pay.'] },
      review: { lastAt: null, nextAt: null, overdue: false },
      openEscalations: 2,
    }),
  ).toEqual([
    'warn: Its prompt has changed since it was asked for (version 2).',
    'warn: It did not need 1 of its 2 grants in 30 days.',
    'warn: It was never reviewed.',
    'neutral: 2 escalations of it wait for somebody.',
  ])
})
