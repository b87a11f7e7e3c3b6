import { expect, test } from 'vitest'
import { DiscoveryTurns } from './discovery-turns.ts'

test('a server whose list can never be kept is asked less and less often, and as before once it has listed its tools', () => {
  const turns = new DiscoveryTurns()
  let now = 0
  const waited = (end: 'listed' | 'failed' | 'unanswered') => {
    const from = now
    while (!turns.take('one', now)) now += 1000
    turns[end]('one', now)
    return (now - from) / 1000
  }
  const failures = Array.from({ length: 8 }, () => waited('failed'))
  expect(failures).toEqual([0, 3, 6, 12, 24, 48, 60, 60])
  // One that does not answer is back soon after it answers, but what it lists may be no better than before.
  expect([waited('unanswered'), waited('unanswered'), waited('failed'), waited('listed')]).toEqual([60, 3, 3, 60])
  expect([waited('failed'), waited('failed'), waited('listed')]).toEqual([60, 3, 6])
})

test('nobody asks a server while somebody does, and none waits for another', () => {
  const turns = new DiscoveryTurns()
  expect([turns.take('one', 0), turns.take('one', 1_000_000), turns.take('two', 1_000_000)]).toEqual([
    true,
    false,
    true,
  ])
  turns.listed('one', 1_000_000)
  expect([turns.take('one', 1_060_000), turns.take('two', 2_000_000)]).toEqual([true, false])
})
