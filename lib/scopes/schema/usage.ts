// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import { type AgentStatus, oneLine, type ToolClass } from '#lib/registry/schema.ts'

/** How far back calls are looked at. */
const days = z.coerce.number().int().min(1).max(400).default(30)

export const grantUsageQuery = z.strictObject({ agentId: z.string().min(1).max(100), days })
export type GrantUsageQuery = z.infer<typeof grantUsageQuery>

export const unusedGrantsQuery = z.strictObject({
  days,
  ownerTeamId: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(200).optional(),
})
export type UnusedGrantsQuery = z.infer<typeof unusedGrantsQuery>

/** Below so many calls nothing is proposed: what a few of them did not need, the next one may. */
export const callsToProposeMin = 20

/**
 * `insufficient_data`: the grant is younger than the time that is looked at, or it is about what a server may ask, which is not counted.
 * `narrower`: the tools of the proposal, where it is one to narrow.
 */
export type GrantUsage = {
  grantId: string
  serverId: string
  class: ToolClass
  toolName: string | null
  verdict: 'used' | 'unused' | 'insufficient_data'
  /** Calls in these days that it covers. */
  calls: number
  lastUsedAt: string | null
  tools: { tool: string; class: ToolClass | null; calls: number }[]
  narrower: string[] | null
  /** How it could be less; null: it is needed as it is, or there is too little to tell. */
  proposal: GrantProposal | null
  /** What is missing to tell: days that it is held, calls that it covers. Null: nothing. */
  missing: { days: number; calls: number } | null
}

/** `unused`: no call needed it. `covered`: narrower grants cover all of its calls. `narrower`: these tools are enough for the calls that only it covers. */
export type GrantProposal = {
  kind: 'revoke' | 'narrow'
  because: 'unused' | 'covered' | 'narrower'
  /** What it keeps. */
  toolNames: string[]
  /** Grants that cover some of its calls. */
  coveredBy: string[]
  /** Calls of these days that stay allowed. */
  calls: number
  /** Calls of these days that it would have denied: none, or it would not be proposed. */
  denials: number
  /** The same of the days before these, since it was given. */
  denialsBefore: number
  daysBefore: number
}

/** A proposal with whom it is about, for the whole fleet. */
export type FleetProposal = UnusedGrant & { proposal: GrantProposal }
export type FleetProposalList = { items: FleetProposal[]; days: number; nextCursor: string | null }

export const grantProposalsQuery = z.strictObject({
  days,
  kind: z.enum(['revoke', 'narrow']).optional(),
  ownerTeamId: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(200).optional(),
})
export type GrantProposalsQuery = z.infer<typeof grantProposalsQuery>

export type UnusedGrant = {
  grantId: string
  agent: { id: string; name: string; status: AgentStatus }
  owner: { id: string; name: string }
  serverId: string
  class: ToolClass
  toolName: string | null
  createdAt: string
  expiresAt: string | null
  /** Since it was given; null: never. */
  lastUsedAt: string | null
}

export type UnusedGrantList = { items: UnusedGrant[]; days: number; nextCursor: string | null }

export const narrowGrantInput = z.strictObject({
  grantId: z.uuid(),
  toolNames: z.array(z.string().min(1).max(200)).min(1, 'Name the tools that it keeps.').max(100),
  reason: oneLine(1000).min(1, 'Say why: the owner reads it.'),
  /** Only if the calls of so many days and what else is held still propose it. */
  proposedOver: z.int().min(1).max(400).optional(),
})
export type NarrowGrantInput = z.infer<typeof narrowGrantInput>
