import { z } from 'zod'
import type { AgentTraffic, ServerTraffic } from '#lib/metrics/schema/traffic.ts'
import { answerOf, count, day, environment, micros, text, time, toolClass } from './words.ts'

const sums = {
  calls: count,
  refused: count,
  held: count,
  toolErrors: count,
  serverErrors: count,
  aborted: count,
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  costMicros: micros,
}

export const serverTraffic = answerOf<ServerTraffic>()(
  z.strictObject({
    serverId: text,
    hours: count,
    countedUntil: time.nullable(),
    from: time,
    to: time,
    step: z.enum(['hour', 'day']),
    series: z.array(z.strictObject({ ...sums, at: time })),
    totals: z.strictObject(sums),
    previous: z.strictObject(sums),
    tools: z.array(z.strictObject({ ...sums, tool: text, class: toolClass.nullable(), agents: count })),
  }),
).meta({ id: 'ServerTraffic' })

const neighbours = z.strictObject({
  agents: z.array(z.strictObject({ id: text, name: text, calls: count })),
  total: count,
})

export const agentTraffic = answerOf<AgentTraffic>()(
  z.strictObject({
    agentId: text,
    days: count,
    countedUntil: time.nullable(),
    from: day,
    to: day,
    servers: z.array(
      z.strictObject({
        server: z.strictObject({ id: text, name: text, environment }),
        tools: z.array(
          z.strictObject({
            tool: text,
            class: toolClass.nullable(),
            calls: count,
            refused: count,
            errors: count,
            lastAt: time,
            costMicros: micros,
          }),
        ),
        feeds: neighbours,
        fed: neighbours,
      }),
    ),
  }),
).meta({ id: 'AgentTraffic' })
