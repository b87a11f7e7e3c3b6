import { z } from 'zod'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'

/**
 * What the central policies were asked about a call, as it is stored: all that their answer follows from but the hour, and nothing secret. What one
 * release has stored a later one reads: a new member has a default.
 */
export const situationFacts = z.object({
  agent: z.object({ id: z.string(), team: z.string(), tier: z.enum(tiers), template: z.string().nullable() }),
  server: z.object({
    id: z.string(),
    environment: z.enum(environments),
    sensitivity: z.enum(sensitivities),
    demo: z.boolean(),
  }),
  tool: z.object({ name: z.string(), class: z.enum(toolClasses), isMethod: z.boolean() }),
  /** Those in force that cover the tool and fit the arguments, each kind once, in an order of its own. */
  grants: z.array(z.object({ class: z.enum(toolClasses), toolName: z.string().nullable(), via: z.string() })),
  simulated: z.boolean(),
  breakGlass: z.boolean(),
  session: z
    .object({ agentVersion: z.int(), startedBy: z.enum(['manual', 'schedule', 'api', 'first_run']) })
    .nullable(),
})
export type SituationFacts = z.infer<typeof situationFacts>
