import { expect, test } from 'vitest'
import { finished } from '#lib/core/gently.ts'
import { batchesOf, digesting, planOf } from './tool-round.ts'

const listedOf = (tools: { name: string; description?: string }[]) =>
  finished(digesting(tools.map((tool) => ({ ...tool, inputSchema: {} })))).listed
const names = (count: number, prefix = 'fresh') =>
  Array.from({ length: count }, (_, at) => ({ name: `${prefix}_${at}` }))
const known = (state: 'approved' | 'quarantined' | 'removed', more: { hash?: string; approvedHash?: string } = {}) => ({
  state,
  definitionHash: more.hash ?? 'before',
  approvedHash: more.approvedHash ?? null,
})
const namesOf = (listed: readonly { tool: { name: string } }[]) => listed.map(({ tool }) => tool.name)

test('what agents may be shown comes before everything else, however much that is', () => {
  const listed = listedOf([
    ...names(600),
    { name: 'waits' },
    { name: 'held' },
    ...names(700, 'shown'),
    { name: 'same' },
  ])
  const hash = listed.get('same')!.hash
  const rows = new Map([
    ...names(700, 'shown').map(({ name }) => [name, known('approved')] as const),
    ['held', known('removed', { approvedHash: 'before' })] as const,
    ['waits', known('quarantined')] as const,
    ['same', known('approved', { hash })] as const,
    ['gone', known('approved')] as const,
    ['long_gone', known('removed')] as const,
  ])
  const plan = planOf({ listed, known: rows, newToday: 0 })
  expect(namesOf(plan.shown)).toEqual(['held', ...names(700, 'shown').map(({ name }) => name)])
  expect(namesOf(plan.others)).toEqual(['waits', ...names(499).map(({ name }) => name)])
  expect([plan.leftOut.length, plan.leftOut[0]?.name, plan.gone, plan.seen]).toEqual([
    101,
    'fresh_499',
    ['gone'],
    ['same'],
  ])
})

test('new names at every round are taken on up to a number a day', () => {
  const listed = listedOf([{ name: 'waits' }, ...names(300)])
  const rows = new Map([['waits', known('quarantined')]])
  const taken = (newToday: number) => planOf({ listed, known: rows, newToday }).others.length
  expect([taken(1800), taken(1699), taken(5000)]).toEqual([201, 301, 1])
})

test('a round and a transaction take so many characters at most, and one tool always', () => {
  const description = 'a'.repeat(90_000)
  const listed = listedOf(names(30).map((tool) => ({ ...tool, description })))
  expect(planOf({ listed, known: new Map(), newToday: 0 }).others).toHaveLength(11)
  expect(batchesOf([...listed.values()]).map(({ length }) => length)).toEqual([11, 11, 8])
  expect(batchesOf([...listedOf(names(1001)).values()]).map(({ length }) => length)).toEqual([500, 500, 1])
  const huge = listedOf([{ name: 'huge', description: 'a'.repeat(2_000_000) }, { name: 'small' }])
  expect(batchesOf([...huge.values()]).map(namesOf)).toEqual([['huge'], ['small']])
})
