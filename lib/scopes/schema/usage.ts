// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import { type AgentStatus, oneLine, type ToolClass } from '#lib/registry/schema.ts'
import { type ArgumentCondition, argumentConditions } from '#lib/registry/schema/conditions.ts'

/** How far back calls are looked at. */
const days = z.coerce.number().int().min(1).max(400).default(30)

/** How many calls, over how many days, there must be of a tool before conditions on its arguments are proposed, unless one asks for other numbers. */
export const conditionBar = { calls: 50, days: 14 } as const
export type ConditionBar = { calls: number; days: number }

const bar = {
  conditionCalls: z.coerce.number().int().min(1).max(100_000).default(conditionBar.calls),
  conditionDays: z.coerce.number().int().min(0).max(400).default(conditionBar.days),
}

export const grantUsageQuery = z.strictObject({ agentId: z.string().min(1).max(100), days, ...bar })
export type GrantUsageQuery = z.input<typeof grantUsageQuery>

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
  /** Of each tool that it would keep, whether conditions on arguments can be proposed. */
  arguments: ToolArguments[]
  narrower: string[] | null
  /** How it could be less; null: it is needed as it is, or there is too little to tell. */
  proposal: GrantProposal | null
  /** What is missing to tell: days that it is held, calls that it covers. Null: nothing. */
  missing: { days: number; calls: number } | null
}

/** What is missing to propose conditions: calls and days up to the bar, and calls of which the arguments are not known. */
export type MissingArguments = { calls: number; days: number; unknown: number }

/** `narrower`: there are conditions that every call met. `needed`: there are none. `known`: calls of which the arguments are known. */
export type ToolArguments = {
  tool: string
  known: number
  verdict: 'narrower' | 'needed' | 'insufficient_data'
  missing: MissingArguments | null
}

export type ToolConditions = { tool: string; conditions: ArgumentCondition[] }

/**
 * `unused`: no call needed it. `covered`: narrower grants cover all of its calls. `narrower`: these tools are enough for the calls that only it covers. `arguments`: its tools are all
 * needed, under conditions that every call met.
 */
export type GrantProposal = {
  kind: 'revoke' | 'narrow'
  because: 'unused' | 'covered' | 'narrower' | 'arguments'
  /** What it keeps. */
  toolNames: string[]
  /** Grants that cover some of its calls. */
  coveredBy: string[]
  /** What it keeps them under, besides the conditions that it has. */
  conditions: ToolConditions[]
  /** Calls of these days that stay allowed. */
  calls: number
  /** Calls of these days that it would have denied, decided with the arguments that are known: none, or it would not be proposed. */
  denials: number
  /** The same of the days before these, since it was given, at most. */
  denialsBefore: number
  /** Calls before of which the arguments are not known. */
  unknownBefore: number
  daysBefore: number
}

/** A proposal with whom it is about, for the whole fleet. */
export type FleetProposal = UnusedGrant & { proposal: GrantProposal }
export type FleetProposalList = { items: FleetProposal[]; days: number; nextCursor: string | null }

export const grantProposalsQuery = z.strictObject({
  days,
  ...bar,
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
  accountable: { id: string; name: string }
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
  /** Under these it keeps them, besides those that it has. */
  conditions: z
    .array(z.strictObject({ tool: z.string().min(1).max(200), conditions: argumentConditions.min(1) }))
    .max(100)
    .optional(),
  reason: oneLine(1000).min(1, 'Say why: the owner reads it.'),
  /** Only if the calls of so many days and what else is held still propose it. */
  proposedOver: z.int().min(1).max(400).optional(),
})
export type NarrowGrantInput = z.infer<typeof narrowGrantInput>

/** What following a proposal to narrow says. */
export function narrowingOf(
  grantId: string,
  { toolNames, conditions }: Pick<GrantProposal, 'toolNames' | 'conditions'>,
  proposedOver: number,
): Omit<NarrowGrantInput, 'reason'> {
  return { grantId, toolNames, ...(conditions.length > 0 ? { conditions } : {}), proposedOver }
}
