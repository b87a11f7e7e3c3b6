import { expect, test } from 'vitest'
import { callPriceMicrosMax, setCallPriceInput } from '../schema/call-prices.ts'
import { parseCallPrice } from './call-prices.ts'

test('a price that is typed in is in dollars, and so is what is wrong with it', () => {
  expect(parseCallPrice('0.0025')).toEqual({ ok: true, value: 2500n })
  expect(parseCallPrice('10000')).toEqual({ ok: true, value: callPriceMicrosMax })
  for (const typed of ['10000.000001', '20000', '999999999']) {
    expect(parseCallPrice(typed)).toEqual({ ok: false, error: 'A call costs 10,000 dollars at most.' })
  }
  for (const typed of ['', 'one cent', '-1', '1e-2', '0.0000001']) {
    expect(parseCallPrice(typed)).toMatchObject({ ok: false, error: expect.stringContaining('in dollars') as string })
  }
})

test('what may be typed is what is stored', () => {
  const stored = (micros: bigint) =>
    setCallPriceInput.safeParse({ serverId: 'search', listUnitPriceMicros: micros.toString() }).success
  expect([0n, 1n, callPriceMicrosMax, callPriceMicrosMax + 1n].map(stored)).toEqual([true, true, true, false])
})
