import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { addPaths, pathsOf } from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'
import { type ArgumentCondition, argumentConditions, conditionText } from '#lib/registry/schema/conditions.ts'
import { callsDenied, proposeConditions } from '#lib/scopes/rules/condition-proposals.ts'
import { loadPolicySet } from '../queries.ts'
import { isObservable, observeArguments } from './argument-observation.ts'
import { decide } from './decide.ts'
import type { PolicyView } from './facts.ts'
import type { PolicySet } from './policy-set.ts'

const now = new Date('2026-11-26T09:00:00Z')
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000)

/** As brokers and the worker make it of calls: through JSON. */
function profileOf(calls: readonly unknown[]): ArgumentProfile {
  const paths = calls
    .map((call) => pathsOf(throughJson(observeArguments(call))))
    .reduce((a, b) => throughJson(addPaths(a, b)))
  return { calls: calls.length, unknown: 0, known: calls.length, firstAt: daysAgo(20), paths }
}
function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
const proposed = (calls: readonly unknown[], bar = { calls: 10, days: 14 }) =>
  proposeConditions({ calls: calls.length, window: [profileOf(calls)] }, { limited: [], bar, now })
const words = (calls: readonly unknown[]) => proposed(calls).conditions.map(conditionText)
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))

describe('of what never moved', () => {
  test('one value, a few that came again, a beginning and a range are proposed', () => {
    const calls = times(60, (at) => ({
      currency: 'EUR',
      status: ['open', 'paid'][at % 2],
      file: `invoices/2026/${at}.pdf`,
      cents: 120 + at * 17,
      lines: [{ account: 'sales' }, { account: at % 2 === 0 ? 'tax' : 'sales' }],
    }))
    expect(words(calls)).toEqual([
      '/cents is between 120 and 1200',
      '/currency is "EUR"',
      '/file begins with "invoices/2026/"',
      '/lines/*/account is one of "sales", "tax"',
      '/status is one of "open", "paid"',
    ])
  })

  test('nothing of what was left out once, of identifiers and times that go on, and of texts that people wrote', () => {
    const calls = times(60, (at) => ({
      ...(at === 7 ? {} : { currency: 'EUR' }),
      invoiceId: 1000 + at,
      page: at,
      since: `2026-11-${10 + (at % 10)}`,
      note: `Please pay invoice number ${at} of the customer`,
      urgent: at % 2 === 0,
    }))
    expect(words(calls)).toEqual([])
  })

  test('with too little to tell, how much is missing is said and nothing is proposed', () => {
    const calls = times(8, () => ({ currency: 'EUR' }))
    expect(proposed(calls, { calls: 50, days: 30 })).toEqual({
      known: 8,
      missing: { calls: 42, days: 10, unknown: 0 },
      conditions: [],
    })
    const many = { calls: 80, window: [profileOf(times(60, () => ({ currency: 'EUR' })))] }
    const about = { limited: [], bar: { calls: 10, days: 14 }, now }
    expect(proposeConditions(many, about)).toMatchObject({ missing: { unknown: 20 }, conditions: [] })
    expect(proposeConditions({ ...many, calls: 60 }, { ...about, limited: ['/currency'] }).conditions).toEqual([])
  })

  test('what conditions would have denied is counted with what is known, and what cannot be told counts as denied', () => {
    const calls = times(60, (at) => ({
      status: at < 50 ? 'open' : 'paid',
      cents: at,
      ...(at < 5 ? {} : { set: true }),
    }))
    const denied = (condition: object) => callsDenied(argumentConditions.parse([condition]), [profileOf(calls)])
    expect(denied({ pointer: '/status', equals: 'open' })).toBe(10)
    expect(denied({ pointer: '/set', equals: true })).toBe(5)
    expect(denied({ pointer: '/cents', range: { min: 0, max: 59 } })).toBe(0)
    expect(denied({ pointer: '/cents', range: { min: 0, max: 58 } })).toBe(60)
    expect(denied({ pointer: '/other', equals: 1 })).toBe(60)
  })
})

describe('never kept', () => {
  const seen = (given: unknown) => JSON.stringify(observeArguments(given))

  test.each([
    ['a secret by its name', { password: 'hunter2' }, 'hunter2'],
    ['what is below such a name', { credentials: { user: 'maya' } }, 'maya'],
    ['a secret by its looks', { header: 'ghp_abcdefghijklmnopqrstuvwxyz0123456789' }, 'ghp_'],
    ['a random text', { file: 'k3Jd82mZq9Xv71LpT0' }, 'k3Jd'],
    ['a random part of a text', { url: 'https://x.example/k3Jd82mZq9Xv71LpT0/a' }, 'k3Jd'],
    ['a card as a text', { card: '4111 1111 1111 1111' }, '4111'],
    ['a card as a number', { card: 4_111_111_111_111_111 }, '4111'],
    ['an address of mail', { to: 'maya@example.com' }, 'maya'],
    ['a name of a person by its name', { customerName: 'Maya' }, 'Maya'],
    ['a code', { otp: '493021' }, '493021'],
    ['a text that somebody wrote', { note: 'Call Maya about the late payment' }, 'Maya'],
    ['a long text', { body: 'lorem-'.repeat(40) }, 'lorem-lorem'],
    ['a name that is a value', { amounts: { k3Jd82mZq9Xv71LpT0: 5 } }, 'k3Jd'],
  ])('%s', (_, given, text) => {
    expect(seen(given)).not.toContain(text)
  })

  test('more than a little, of whatever is sent', () => {
    const large = {
      rows: times(5000, (at) => ({ at })),
      wide: Object.fromEntries(times(500, (at) => [`name_${at}`, 'x'.repeat(60)])),
    }
    expect(seen(large).length).toBeLessThan(6000)
  })
})

let policies: PolicySet
beforeAll(async () => {
  policies = await loadPolicySet()
})

test('every call that was recorded is permitted under the conditions that are proposed, as brokers decide', () => {
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(
      'EUR',
      'USD',
      'a/b/c',
      'a/b/../c',
      'a/b..',
      'inv-1',
      'inv-2',
      '',
      '😀-1',
      '😀-2',
      '😁',
      true,
      false,
      null,
      0,
      -0,
    ),
    fc.integer({ min: -500, max: 5000 }),
    fc.double({ noNaN: true }),
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  const value = fc.oneof(
    { weight: 4, arbitrary: leaf },
    fc.array(leaf, { maxLength: 3 }),
    fc.record({ b: leaf, c: leaf }, { requiredKeys: [] }),
    fc.array(fc.record({ d: leaf }, { requiredKeys: [] }), { maxLength: 3 }),
  )
  const call = fc.record(
    { a: value, b: leaf, c: fc.constantFrom('x', 'y'), n: fc.integer({ min: 3, max: 90 }), '*': leaf, 'e/f': leaf },
    { requiredKeys: ['c', 'n'] },
  )
  let limited = 0
  fc.assert(
    fc.property(fc.array(call, { minLength: 1, maxLength: 30 }), (calls) => {
      const { conditions } = proposed(calls.map(throughJson), { calls: 1, days: 0 })
      limited += conditions.length
      // They are ones that a grant may have.
      expect(argumentConditions.parse(throughJson(conditions))).toEqual(throughJson(conditions))
      for (const given of calls.map(throughJson)) {
        const caller = { agentId: 'reconciler', version: 1, runId: null }
        const asked = { caller, serverId: 'erp', tool: 'post', arguments: given as Record<string, unknown> }
        const outcome = decide(asked, viewWith(conditions), now)
        expect(outcome.ok ? null : outcome.error).toBeNull()
      }
    }),
    { numRuns: 400 },
  )
  expect(limited).toBeGreaterThan(100)
})

test('what is kept of one call is small, however much it carries', () => {
  const texts = (count: number) => times(count, (at) => `${'é'.repeat(60)}${at}`)
  const names = (of: string) => Object.fromEntries(times(5000, (at) => [`${of}${at}`, at]))
  const given = [
    Object.fromEntries(times(24, (at) => [`f${at}`, texts(20)])),
    { rows: times(100, () => ({ inner: texts(100), ...names('n') })) },
    { [`a${'b'.repeat(39)}`]: names('c'.repeat(35)), text: 'x/'.repeat(500_000) },
  ]
  for (const each of given) {
    const observation = observeArguments(each)
    expect(Object.keys(observation).length).toBeGreaterThan(0)
    expect(JSON.stringify(observation).length).toBeLessThan(10_000)
  }
  // What found room is as it was.
  const { '/f0/*': first, '/f23/*': last } = observeArguments(given[0])
  expect([first, last]).toEqual([{ values: texts(20) }, {}])
})

/** An agent whose only grant is of the tool, under these conditions. */
function viewWith(conditions: readonly ArgumentCondition[]): PolicyView {
  const grant = {
    id: 'g',
    serverId: 'erp',
    class: 'read',
    toolName: 'post',
    via: 'request',
    expiresAt: null,
    conditions,
  } as const
  const agent = {
    id: 'reconciler',
    name: 'Reconciler',
    teamId: 'finance',
    tier: 'low',
    status: 'active',
    statusReason: null,
    currentVersion: 1,
    grants: [grant],
  } as const
  const tool = { serverId: 'erp', name: 'post', class: 'read', state: 'approved' } as const
  const server = {
    id: 'erp',
    name: 'ERP',
    environment: 'staging',
    sensitivity: 'internal',
    enabled: true,
    demo: false,
    tools: new Map([[tool.name, tool]]),
  } as const
  return {
    agents: new Map([[agent.id, agent]]),
    servers: new Map([[server.id, server]]),
    runs: new Map(),
    stops: [],
    policies,
  }
}

test('of arguments with more values than can be looked at in little time nothing is kept', () => {
  const wide = {
    a: [
      [Object.fromEntries(Array.from({ length: 24 }, (_, n) => [`k${n}`, 1]))],
      Array.from({ length: 100_000 }, () => ({})),
    ],
  }
  expect(isObservable(wide)).toBe(false)
  expect(isObservable({ a: [1, 2, { b: 'c' }] })).toBe(true)
  expect(isObservable(undefined)).toBe(true)
})

test('neither passwords, codes, people nor credentials in a text are kept', () => {
  const given = {
    pwd: 'hunter2',
    name: 'Maria Garcia',
    code: '493021',
    access_code: '1234',
    authHeader: 'Basic dXNlcjpwYXNz',
    header: 'Bearer abc',
    diagnosis: 'HIV positive',
    currency: 'EUR',
  }
  const kept = JSON.stringify(observeArguments(given))
  for (const secret of ['hunter2', 'Maria', '493021', '1234', 'dXNl', 'abc', 'HIV']) expect(kept).not.toContain(secret)
  expect(kept).toContain('EUR')
})
