import { z } from 'zod'
import {
  type AgentFacets,
  type ExplainedPart,
  facetKeys,
  type QueryCompletion,
  type QueryExplanation,
  type QueryHint,
} from '#lib/registry/schema/catalog.ts'
import { answerOf, count, reference, text } from './words.ts'

export const queryHint = answerOf<QueryHint>()(
  z.strictObject({ key: text, value: text, message: text, suggestion: text.nullable() }),
)

const facetValue = z.strictObject({ value: text, label: text, count })
export const agentFacets = answerOf<AgentFacets>()(z.record(z.enum(facetKeys), z.array(facetValue))).meta({
  id: 'AgentFacets',
})

export const queryCompletion = answerOf<QueryCompletion>()(
  z.strictObject({
    from: count,
    to: count,
    items: z.array(z.strictObject({ text, label: text, detail: text, count: count.nullable() })),
  }),
).meta({ id: 'QueryCompletion' })

const explainedPart: z.ZodType<ExplainedPart> = z
  .strictObject({
    text,
    matches: z.boolean(),
    because: text,
    get parts() {
      return z.array(explainedPart).optional()
    },
  })
  .meta({ id: 'ExplainedPart' })

export const queryExplanation = answerOf<Omit<QueryExplanation, 'parts'>>()(
  z.strictObject({ agent: reference, query: text, matches: z.boolean() }),
)
  .extend({ parts: z.array(explainedPart) })
  .meta({ id: 'QueryExplanation' })
