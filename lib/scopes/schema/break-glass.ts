// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import { type Environment, oneLine, type PersonRef, type ToolClass, toolClasses } from '#lib/registry/schema.ts'

/** The longest an emergency lasts before somebody decides in the usual way: four hours. */
export const breakGlassMinutesMax = 240

export const breakGlassInput = z.strictObject({
  agentId: z.string().max(100),
  serverId: z.string().max(100),
  class: z.enum(toolClasses),
  /** Only this tool; null: every tool of the class and of the classes below it. */
  toolName: z.string().min(1).max(200).nullable().default(null),
  minutes: z
    .int()
    .min(1, 'Take it for at least one minute.')
    .max(breakGlassMinutesMax, `Take it for at most ${breakGlassMinutesMax} minutes.`),
  reason: oneLine(1000).min(20, 'Say in a sentence what is on fire: it is read by security and reviewed afterwards.'),
  /** The incident or ticket it belongs to. */
  incident: oneLine(200).optional(),
})
export type BreakGlassInput = z.infer<typeof breakGlassInput>

export const breakGlassVerdicts = ['justified', 'not_justified'] as const

export const reviewBreakGlassInput = z.strictObject({
  grantId: z.uuid(),
  verdict: z.enum(breakGlassVerdicts),
  note: oneLine(1000).min(5, 'Say in a sentence how you came to it.'),
})
export type ReviewBreakGlassInput = z.infer<typeof reviewBreakGlassInput>

/** `open`: in force or not reviewed yet; `in_force`: as banners show them; `all`: history too. */
export const breakGlassListQuery = z.strictObject({
  state: z.enum(['open', 'in_force', 'all']).default('open'),
  limit: z.coerce.number().int().min(1).max(200).default(100),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(1000).optional(),
})
export type BreakGlassListQuery = z.infer<typeof breakGlassListQuery>

export type BreakGlassView = {
  grantId: string
  agent: { id: string; name: string }
  owner: { id: string; name: string }
  accountable: PersonRef
  server: { id: string; name: string; environment: Environment }
  class: ToolClass
  toolName: string | null
  reason: string
  openedBy: PersonRef
  openedAt: string
  expiresAt: string
  revokedAt: string | null
  inForce: boolean
  /** Calls that it has covered, as the log has them: the agent's on this server while it was in force; 0 in the list of those in force alone, which banners ask for often. */
  calls: number
  review: { verdict: (typeof breakGlassVerdicts)[number]; note: string; by: PersonRef; at: string } | null
  /** By when it should be reviewed, by the rule of the approval policy that fits; null: not looked at yet. */
  dueAt: string | null
  /** Nobody has reviewed it in time. */
  overdue: boolean
  /** When those who may were reminded; null: not yet. */
  remindedAt: string | null
  /** How often it was passed on since it is overdue. */
  escalations: number
  /** Whether the person reading may review it, and why not. */
  reviewable: { allowed: true } | { allowed: false; message: string }
}
