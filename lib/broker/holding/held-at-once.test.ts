import { expect, test } from 'vitest'
import { standardLimits } from '../limits.ts'
import { HeldAtOnce } from './held-at-once.ts'

test('calls of one agent are put into the database one after the other, also after one that failed, and those of another meanwhile', async () => {
  const atOnce = new HeldAtOnce(standardLimits)
  const begun: string[] = []
  const first = Promise.withResolvers<string>()
  const work = (name: string, end: () => Promise<string>) => () => {
    begun.push(name)
    return end()
  }
  const turns = [
    atOnce.inTurn(
      'a',
      work('a1', () => first.promise),
    ),
    atOnce.inTurn(
      'a',
      work('a2', () => Promise.reject(new Error('no database'))),
    ),
    atOnce.inTurn(
      'a',
      work('a3', () => Promise.resolve('a3')),
    ),
  ]
  const ended = Promise.allSettled(turns)
  expect(
    await atOnce.inTurn(
      'b',
      work('b1', () => Promise.resolve('b1')),
    ),
  ).toBe('b1')
  expect(begun).toEqual(['a1', 'b1'])
  first.resolve('a1')
  expect((await ended).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(begun).toEqual(['a1', 'b1', 'a2', 'a3'])
  expect(
    await atOnce.inTurn(
      'a',
      work('a4', () => Promise.resolve('a4')),
    ),
  ).toBe('a4')
})
