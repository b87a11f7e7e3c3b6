import { z } from 'zod'
import type { SimilarAgent } from '#lib/registry/schema/similar.ts'
import { agentStatus } from './agents.ts'
import { answerOf, count, rate, reference, text } from './words.ts'

export const similarAgent = answerOf<SimilarAgent>()(
  z.strictObject({
    id: text,
    name: text,
    purpose: text,
    owner: reference,
    status: agentStatus,
    sameTemplate: z.boolean(),
    scopes: z.strictObject({ shared: count, of: count }),
    purposeAlike: rate,
    score: rate,
  }),
).meta({ id: 'SimilarAgent' })
