import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ageOf, timedId } from './timed-id.ts'

test('an id says how old it is, and is one that everybody takes', () => {
  const made = new Date('2026-03-01T12:00:00.123Z')
  const id = timedId(made)
  expect(z.uuid().parse(id)).toBe(id)
  expect(ageOf(id, new Date(made.getTime() + 4567))).toBe(4567)
  expect(ageOf(id, new Date(made.getTime() - 10))).toBe(0)
  expect(ageOf(randomUUID(), made)).toBe(0)
})
