import { expect, test } from 'vitest'
import { CallsAtOnce } from '../calls-at-once.ts'
import { HeldBytes, uncountedBytes } from './held-bytes.ts'

const max = 4 * uncountedBytes

test('what streams hold counts together, until it is handed on', () => {
  const atOnce = new CallsAtOnce()
  const [one, other] = [new HeldBytes(atOnce.room(max)), new HeldBytes(atOnce.room(max))]
  one.become(2 * uncountedBytes)
  one.become(3 * uncountedBytes)
  expect(() => other.become(2 * uncountedBytes)).toThrow('while much is held already')
  // What is little is not counted.
  other.become(uncountedBytes)
  one.become(10)
  other.become(max)
  other.end()
  expect(atOnce.hold(max, max)).toBe(true)
})
