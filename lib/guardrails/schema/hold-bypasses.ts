import { z } from 'zod'
import type { PersonRef } from '#lib/registry/schema.ts'
import { manyLines } from '#lib/registry/schema/words.ts'

export const bypassMinutesDefault = 60
/** Also what one person may have a rule bypassed in all within a day. */
export const bypassMinutesMax = 480
/** Of the calls that a bypass let through so many are counted. */
export const bypassCallsMax = 1000

export const openHoldBypassInput = z.strictObject({
  ruleId: z.uuid(),
  /** Only calls of this agent; null: of every agent but those of your own teams. */
  agentId: z.string().min(1).max(100).nullable().default(null),
  minutes: z
    .int()
    .min(1)
    .max(bypassMinutesMax, `A bypass lasts ${bypassMinutesMax / 60} hours at most.`)
    .default(bypassMinutesDefault),
  reason: manyLines(1000).trim().min(10, 'Say what is so urgent that nobody can decide: everybody reads it.'),
})
export type OpenHoldBypassInput = z.infer<typeof openHoldBypassInput>

export const endHoldBypassInput = z.strictObject({ bypassId: z.uuid() })
export type EndHoldBypassInput = z.infer<typeof endHoldBypassInput>

/** As brokers keep it. */
export type HoldBypassFacts = {
  readonly id: string
  /** null: every agent */
  readonly agentId: string | null
  readonly expiresAt: string
  /** Whose own calls it does not let through. */
  readonly openedById: string
  readonly exceptTeamIds: readonly string[]
  readonly exceptAgentIds: readonly string[]
}

export const holdBypassStates = ['in_force', 'all'] as const

export type HoldBypassView = {
  id: string
  rule: { id: string; title: string }
  /** null: every agent but those of the teams of who opened it */
  agent: { id: string; name: string } | null
  reason: string
  openedBy: PersonRef
  openedAt: string
  expiresAt: string
  endedAt: string | null
  /** null while it is in force, and when its time was over, its rule was removed or its opener left. */
  endedBy: PersonRef | null
  inForce: boolean
  /** Calls that it let through, from the audit log; `bypassCallsMax`: so many or more. null: not counted. */
  calls: number | null
}

/** How many calls a bypass let through, in words. */
export function bypassCallsText(calls: number | null): string {
  if (calls === null) return '–'
  return calls >= bypassCallsMax ? `${bypassCallsMax.toLocaleString('en')} or more` : String(calls)
}

export type HoldBypassRefusal = { rule: HoldBypassRule; message: string }
export const holdBypassRules = [
  'approvals:bypass_own_team',
  'approvals:bypass_own_agent',
  'approvals:bypass_destructive',
  'approvals:bypass_in_force',
  'approvals:bypass_used_up',
] as const
export type HoldBypassRule = (typeof holdBypassRules)[number]
