// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import { oneLine, type PersonRef } from '#lib/registry/schema.ts'
import { timeText } from '#lib/core/instant.ts'

const time = timeText({ offset: true, error: 'Use a time such as 2026-12-01T18:00:00Z.' })

export const createDelegationInput = z.strictObject({
  delegateId: z.uuid(),
  /** Left out: from now on. */
  startsAt: time.optional(),
  endsAt: time,
  reason: oneLine(300).min(3, 'Say in a few words why: who stands in reads it.'),
})
export type CreateDelegationInput = z.infer<typeof createDelegationInput>

export const revokeDelegationInput = z.strictObject({ delegationId: z.uuid() })
export type RevokeDelegationInput = z.infer<typeof revokeDelegationInput>

export const delegationListQuery = z.strictObject({
  /** `open`: those in force or still to come; `all`: also those that have ended. */
  state: z.enum(['open', 'all']).default('open'),
})

/** In whose place somebody decides; left out: in their own. */
export const forPersonId = z.uuid().optional()

export const delegationRules = [
  'delegation:self',
  'delegation:left',
  'delegation:time',
  'delegation:nothing_to_delegate',
  'delegation:no_shared_role',
  'delegation:one_at_a_time',
  'delegation:no_chain',
] as const
export type DelegationRefusal = { rule: (typeof delegationRules)[number]; message: string }

export type DelegationView = {
  id: string
  person: PersonRef
  delegate: PersonRef
  startsAt: string
  endsAt: string
  reason: string
  state: 'to_come' | 'in_force' | 'ended' | 'revoked'
  createdAt: string
  revokedAt: string | null
}

/** Whom somebody stands in for, and until when. */
export type StandIn = { person: PersonRef; until: string }
