import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { demoDataFiles } from './generate.ts'
import { buildInvoicesAndOrders } from './invoices-data.ts'

test('the committed data is exactly what the generator writes', () => {
  const files = demoDataFiles()
  const committed = Object.keys(files).map((name) => [name, readFileSync(new URL(name, import.meta.url), 'utf8')])
  expect(Object.fromEntries(committed)).toEqual(files)
})

test('there are 400 invoices, and 12 of them are wrong in six ways', () => {
  const { invoices, planted } = buildInvoicesAndOrders()
  expect(invoices).toHaveLength(400)
  expect(new Set(invoices.map((invoice) => invoice.id)).size).toBe(400)
  expect(planted).toHaveLength(12)
  expect(new Set(planted.map(({ kind }) => kind)).size).toBe(6)
})
