import { z } from 'zod'
import {
  type HoldForecast,
  type HoldInsight,
  insightDays,
  rubberStampVerdicts,
} from '#lib/guardrails/schema/hold-insight.ts'
import { answerOf, count, person, reference, text, time } from './words.ts'

const decisions = {
  approved: count,
  edited: count,
  rejected: count,
  medianMs: count.nullable(),
  p90Ms: count.nullable(),
  rubberStamp: z.enum(rubberStampVerdicts),
}
const figures = {
  ...decisions,
  held: count,
  waiting: count,
  expired: count,
  cancelled: count,
  met: count.nullable(),
}
const rule = z.strictObject({ id: text, title: text })

const suggestion = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('always_approved'),
    rule,
    approved: count,
    narrower: z.array(z.strictObject({ pointer: text, min: z.number(), max: z.number(), holdFrom: z.number() })),
  }),
  z.strictObject({
    kind: z.literal('always_rejected'),
    server: reference,
    tool: text,
    rejected: count,
    agents: z.array(reference),
  }),
  z.strictObject({
    kind: z.literal('mostly_expired'),
    rule,
    ended: count,
    expired: count,
    decideSeconds: z.int(),
    deciderRoles: z.array(text),
  }),
  z.strictObject({ kind: z.literal('never_met'), rule, createdAt: time, calls: count }),
])

export const holdInsight = answerOf<HoldInsight>()(
  z.strictObject({
    days: z.literal(insightDays),
    from: time,
    overall: z.strictObject({ ...figures, heldByRules: count }),
    rules: z.array(
      z.strictObject({
        rule: z.strictObject({ id: text.nullable(), title: text, removed: z.boolean(), conditional: z.boolean() }),
        ...figures,
      }),
    ),
    deciders: z.array(z.strictObject({ person, ...decisions })),
    suggestions: z.array(suggestion),
  }),
).meta({ id: 'HoldInsight' })

export const holdForecast = answerOf<HoldForecast>()(
  z.strictObject({ from: text, held: count, agents: count, calls: count }),
)
