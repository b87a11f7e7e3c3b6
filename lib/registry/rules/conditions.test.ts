import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ArgumentCondition, argumentCondition, conditionText } from '../schema/conditions.ts'
import { compileConditions, conditionProblem, firstUnmet, mayHold } from './conditions.ts'

const holds = (condition: ArgumentCondition, given: unknown) =>
  firstUnmet(compileConditions([condition]), given) === null

test('each kind of condition, for what fits and what does not', () => {
  const cases: [ArgumentCondition, unknown[], unknown[]][] = [
    [{ pointer: '/a', equals: 'x' }, ['x'], ['y', null, 1, ['x'], { x: 1 }]],
    [{ pointer: '/a', equals: null }, [null], ['', 0, false]],
    [{ pointer: '/a', in: [1, 'b', true] }, [1, 'b', true], ['1', 2, 'true']],
    [{ pointer: '/a', prefix: 'EU' }, ['EU', 'EUR'], ['eu', 'xEU', 1]],
    [{ pointer: '/a', range: { min: 0, max: 10 } }, [0, 10, 3.5], [-0.1, 10.1, '5', null]],
    [{ pointer: '/a', range: { max: 10 } }, [-99], [11]],
    [{ pointer: '/a', regex: 'INV-[0-9]+' }, ['INV-1'], ['xINV-1', 'INV-1x', 'INV-', 1]],
  ]
  for (const [condition, fits, breaks] of cases) {
    for (const a of fits) expect([condition, a, holds(condition, { a })]).toEqual([condition, a, true])
    for (const a of breaks) expect([condition, a, holds(condition, { a })]).toEqual([condition, a, false])
    expect(holds(condition, {})).toBe(false)
  }
})

test('a path that begins alike and climbs out does not begin with the prefix', () => {
  const inside: ArgumentCondition = { pointer: '/path', prefix: '/reports/' }
  expect(holds(inside, { path: '/reports/2026/a..b.csv' })).toBe(true)
  for (const path of [
    '/reports/../secret',
    '/reports/a/%2e%2E/b',
    '/reports/..',
    '/reports/..%2fsecret',
    '/reports/a\\..\\b',
  ]) {
    expect([path, holds(inside, { path })]).toEqual([path, false])
  }
})

test('a rule that holds a call is not evaded by spelling a value otherwise', () => {
  const may = (condition: ArgumentCondition, value: unknown) =>
    mayHold(compileConditions([condition])[0]!, { v: value })
  const pointer = '/v'
  const cases: [ArgumentCondition, unknown[], unknown[]][] = [
    [{ pointer, equals: false }, [false, 'false', 0, null, undefined, {}, []], [true]],
    [{ pointer, equals: 5 }, [5, '5', true, null], [6]],
    [{ pointer, in: ['a', 1] }, ['a', 1, true, null, { a: 1 }], ['b', 2]],
    [{ pointer, equals: null }, [null, 'null', 0], []],
    [
      { pointer, prefix: '/prod/' },
      [
        '/prod/x',
        '/./prod/x',
        '//prod/x',
        '/x/../prod/x',
        '/%70rod/x',
        '/x/%2e%2e/prod/x',
        'file:///prod/x',
        '/x%2fprod',
        '\\prod\\x',
        '/PROD/x',
        '/x//y',
        5,
      ],
      ['/staging/x', '/staging/', 'prod', '/staging/prod.d/x'],
    ],
    [
      { pointer, prefix: 'https://erp.example/' },
      [
        'https://erp.example/x',
        'https://ERP.example/x',
        'https://other.example//x',
        'https://erp.example:443/x',
        'https://u@erp.example/x',
        'https://erp.example./x',
        'https://%65rp.example/x',
        'https:/erp.example/x',
        'https:erp.example/x',
        ' https://erp.example/x',
        'ht\ttps://erp.example/x',
        'https:\\\\erp.example\\x',
        '//erp.example/x',
        'erp.example/x',
      ],
      [
        'https://other.example/x/y/',
        'http://erp.example/x',
        'https://erp.example.other/x',
        'https://erp.example:8443/x',
        'https://other.example',
        'https://other.example?q=1',
      ],
    ],
    [
      { pointer, prefix: 'HTTPS://erp.example:443' },
      ['https://erp.example/x', 'https://erp.example'],
      ['https://a.b/'],
    ],
    [{ pointer, prefix: 'C:\\prod\\' }, ['C:\\prod\\x', 'c:\\PROD\\x', 'C:/prod/x'], ['D:\\prod\\x', 'C:\\other']],
    [{ pointer, prefix: 'https://' }, ['https://a.b/', 'HTTPS://a.b/'], ['http://a.b/']],
    [
      { pointer, equals: '/prod/ledger' },
      [
        '/prod/ledger',
        '/prod//ledger',
        '/prod/./ledger',
        '/x/../prod/ledger',
        '/prod/ledger/',
        '/prod/ledger?x=1',
        '/Prod/ledger',
        '/prod/l%65dger',
        '\\prod\\ledger',
        'file:///prod/ledger',
      ],
      ['/prod/ledgers', '/prod/ledger/x', '/staging/ledger', 'ledger'],
    ],
    [
      { pointer, in: ['https://erp.example/x', 'all'] },
      [
        'https://erp.example/x',
        'https://erp.example:443/x',
        'https://erp.example/x#y',
        'https://u@erp.example/x',
        'all',
      ],
      ['https://erp.example/y', 'https://erp.example:8443/x'],
    ],
    [
      { pointer, regex: '/prod/.*' },
      ['/prod/x', '/%70rod/x', '//prod/x', '/x/../prod/x', '/x%2fprod/'],
      ['/staging/x', 'https://erp.example/prod/x', 'prod'],
    ],
    [
      { pointer, regex: 'https://erp\\.example/.*' },
      ['https://erp.example/x', 'https://erp.example:443/x', 'https://u@erp.example/x', 'https://erp.example./x'],
      ['https://other.example/x', 'https://other.example'],
    ],
    [{ pointer, regex: '\\d+%' }, ['5%', 5], ['%', '5']],
    [{ pointer, prefix: 'DE' }, ['DE1', 7], ['FR1', 'FR/1', '/./x']],
  ]
  for (const [condition, held, free] of cases) {
    for (const value of held) expect([condition, value, may(condition, value)]).toEqual([condition, value, true])
    for (const value of free) expect([condition, value, may(condition, value)]).toEqual([condition, value, false])
  }
})

test('pointers reach as RFC 6901 says, and * every item of an array: one that does not fit breaks it, and so does none', () => {
  const accounts: ArgumentCondition = { pointer: '/lines/*/account', prefix: '40' }
  expect(holds(accounts, { lines: [{ account: '4000' }, { account: '4010' }] })).toBe(true)
  expect(holds(accounts, { lines: [{ account: '4000' }, { account: '5000' }] })).toBe(false)
  expect(holds(accounts, { lines: [{ account: '4000' }, {}] })).toBe(false)
  expect(holds(accounts, { lines: [] })).toBe(false)
  expect(holds(accounts, { lines: 'x' })).toBe(false)
  expect(holds({ pointer: '/a~1b/~0c', equals: 1 }, { 'a/b': { '~c': 1 } })).toBe(true)
  expect(holds({ pointer: '/a/1', equals: 'y' }, { a: ['x', 'y'] })).toBe(true)
  expect(holds({ pointer: '/a/01', equals: 'y' }, { a: ['x', 'y'] })).toBe(false)
  // A server that goes over the members of an object takes the others as well.
  for (const given of [{ '*': 1 }, { '*': 1, other: 2 }, { '0': 1 }])
    expect([given, holds({ pointer: '/*', equals: 1 }, given)]).toEqual([given, false])
  expect(holds({ pointer: '/__proto__', equals: null }, {})).toBe(false)
  expect(holds({ pointer: '/toString', regex: '.*' }, {})).toBe(false)
})

test('matching takes time in proportion to the text, also where a backtracking engine would take for ever', () => {
  const evil: ArgumentCondition = { pointer: '/a', regex: '(a+)+b' }
  expect(conditionProblem(evil)).toBeNull()
  expect(holds(evil, { a: 'a'.repeat(5000) })).toBe(false)
  expect(holds({ pointer: '/a', regex: 'a*' }, { a: 'a'.repeat(10_001) })).toBe(false)
  expect(conditionProblem({ pointer: '/a', regex: '(?=a)' })).toMatch(/RE2/)
  expect(conditionProblem({ pointer: '/a', regex: '(' })).toMatch(/RE2/)
})

test('what is no condition is refused by its shape', () => {
  for (const wrong of [
    { pointer: 'a', equals: 1 },
    { pointer: '', equals: 1 },
    { pointer: '/a~2', equals: 1 },
    { pointer: '/a' },
    { pointer: '/a', equals: 1, prefix: 'x' },
    { pointer: '/a', range: {} },
    { pointer: '/a', range: { min: 2, max: 1 } },
    { pointer: '/a', in: [] },
    { pointer: '/a\u202e', equals: 1 },
  ]) {
    expect([wrong, argumentCondition.safeParse(wrong).success]).toEqual([wrong, false])
  }
})

test('whatever the arguments: a condition on a value holds exactly when the value fits, wherever the value stands', () => {
  const key = fc.stringMatching(/^[a-z/~*]{1,6}$/).filter((name) => name !== '*')
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 3 }), fc.integer(), fc.integer(), (path, wanted, given) => {
      const pointer = path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
      const root = path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), given)
      expect(holds({ pointer, equals: wanted }, root)).toBe(wanted === given)
      expect(holds({ pointer, range: { min: wanted } }, root)).toBe(given >= wanted)
    }),
  )
})

test('conditions read as a sentence', () => {
  expect(conditionText({ pointer: '/amount', range: { min: 0, max: 10 } })).toBe('/amount is between 0 and 10')
  expect(conditionText({ pointer: '/c', in: ['EUR', 'USD'] })).toBe('/c is one of "EUR", "USD"')
})
