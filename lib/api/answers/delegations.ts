import { z } from 'zod'
import type { DelegationView } from '#lib/delegation/schema.ts'
import { answerOf, person, text, time } from './words.ts'

export const delegation = answerOf<DelegationView>()(
  z.strictObject({
    id: text,
    person,
    delegate: person,
    startsAt: time,
    endsAt: time,
    reason: text,
    state: z.enum(['to_come', 'in_force', 'ended', 'revoked']),
    createdAt: time,
    revokedAt: time.nullable(),
  }),
).meta({ id: 'Delegation' })
