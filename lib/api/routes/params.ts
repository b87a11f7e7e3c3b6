import { z } from 'zod'

/** `{id}` of things that people name: agents, servers, templates. */
export const namedId = z.strictObject({ id: z.string().min(1).max(100) })
/** `{id}` of things that the database names. */
export const uuidId = z.strictObject({ id: z.uuid() })

/** A text parameter that is true or false. */
export const flag = z.stringbool({ error: 'Use true or false.' }).meta({ description: 'true or false' })

export const exampleAgent = { id: 'invoice-reconciler-7' }
export const exampleId = { id: '01990000-0000-7000-8000-000000000001' }
