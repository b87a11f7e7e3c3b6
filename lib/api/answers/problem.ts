import { z } from 'zod'
import { text } from './words.ts'

/** The one error body of the HTTP API (RFC 9457); a refusal may add facts of its own. */
export const problem = z
  .looseObject({
    type: z.string().regex(/^urn:wheelhouse:problem:[a-z_]+$/),
    title: text,
    status: z.int(),
    detail: text,
    instance: text,
    requestId: text,
    rule: text.optional().meta({ description: 'The rule that refused' }),
    errors: z.record(text, z.array(text)).optional().meta({ description: 'What is wrong, by field' }),
  })
  .meta({ id: 'Problem', description: 'Why it was refused (RFC 9457)' })
