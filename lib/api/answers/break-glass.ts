import { z } from 'zod'
import { type BreakGlassView, breakGlassVerdicts } from '#lib/scopes/schema/break-glass.ts'
import { answerOf, count, environment, person, reference, text, time, toolClass } from './words.ts'

export const breakGlass = answerOf<BreakGlassView>()(
  z.strictObject({
    grantId: text,
    agent: reference,
    owner: reference,
    accountable: person,
    server: z.strictObject({ id: text, name: text, environment }),
    class: toolClass,
    toolName: text.nullable(),
    reason: text,
    openedBy: person,
    openedAt: time,
    expiresAt: time,
    revokedAt: time.nullable(),
    inForce: z.boolean(),
    calls: count,
    review: z.strictObject({ verdict: z.enum(breakGlassVerdicts), note: text, by: person, at: time }).nullable(),
    dueAt: time.nullable(),
    overdue: z.boolean(),
    remindedAt: time.nullable(),
    escalations: count,
    reviewable: z.discriminatedUnion('allowed', [
      z.strictObject({ allowed: z.literal(true) }),
      z.strictObject({ allowed: z.literal(false), message: text }),
    ]),
  }),
).meta({ id: 'BreakGlass' })
