import { parseDollars } from '#lib/core/money.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { callPriceMicrosMax } from '../schema/call-prices.ts'

/** The price of a call as a person types it, in dollars; else what is wrong with it, in dollars as well. */
export function parseCallPrice(dollars: string): Result<bigint, string> {
  const micros = parseDollars(dollars)
  if (micros === null) return err('Give an amount in dollars, such as 0.01, with six decimals at most.')
  return micros > callPriceMicrosMax ? err('A call costs 10,000 dollars at most.') : ok(micros)
}
