import { z } from 'zod'

/** At most 10,000 dollars: nothing that one call costs, so that a slip of the hand does not use up every budget. */
export const callPriceMicrosMax = 10_000_000_000n

const price = z
  .string()
  .regex(
    /^(0|[1-9]\d{0,9}|10000000000)$/,
    `Write whole micro-dollars, at most ${callPriceMicrosMax}, which are 10,000 dollars: 10000 is one cent.`,
  )

/** What a call costs from now on; calls that were recorded before keep their price. */
export const setCallPriceInput = z.strictObject({
  serverId: z.string().min(1).max(100),
  tool: z
    .string()
    .min(1)
    .max(200)
    .nullable()
    .default(null)
    .describe('null: every tool of the server that has no price of its own.'),
  listUnitPriceMicros: price
    .nullable()
    .describe(
      'Micro-dollars a call; null: no own price, so that a tool costs what its server says, and a server’s tools nothing.',
    ),
})
export type SetCallPriceInput = z.input<typeof setCallPriceInput>

/** What one call of a tool costs. Names as in FOCUS; the unit is a call, the currency USD, in micro-dollars as text. */
export type ToolPrice = {
  tool: string
  /** Null: it costs nothing. */
  listUnitPriceMicros: string | null
  /** Whose price that is: its own, which may be 0, or that of its server; null: nobody has set one. */
  setFor: 'tool' | 'server' | null
}

export type CallPrices = {
  serverId: string
  /** For every tool without a price of its own; null: nothing. */
  listUnitPriceMicros: string | null
  tools: ToolPrice[]
}
