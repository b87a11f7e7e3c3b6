import { z } from 'zod'
import type { CallPrices } from '#lib/metrics/schema/call-prices.ts'
import { answerOf, micros, text } from './words.ts'

export const callPrices = answerOf<CallPrices>()(
  z.strictObject({
    serverId: text,
    listUnitPriceMicros: micros.nullable(),
    tools: z.array(
      z.strictObject({
        tool: text,
        listUnitPriceMicros: micros.nullable(),
        setFor: z.enum(['tool', 'server']).nullable(),
      }),
    ),
  }),
).meta({ id: 'CallPrices' })
