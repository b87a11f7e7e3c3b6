import { expect, test } from 'vitest'
import { driverColumns, driverOf } from './drivers.ts'

test('somebody unknown is not nobody', () => {
  const id = crypto.randomUUID()
  const kept = [null, { personId: id }, { personId: null, subject: 'https://idp.example|ada' }, { personId: null }].map(
    (driver) => driverColumns(driver),
  )
  expect(kept).toEqual([
    { drivenById: null, drivenBySubject: null },
    { drivenById: id, drivenBySubject: null },
    { drivenById: null, drivenBySubject: 'https://idp.example|ada' },
    { drivenById: null, drivenBySubject: 'unknown' },
  ])
  expect(kept.map((row) => driverOf(row))).toEqual([null, { personId: id }, { personId: null }, { personId: null }])
})
