// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import { forPersonId, type StandIn } from '#lib/delegation/schema.ts'
import { type AgentStatus, type Environment, oneLine, type PersonRef, type ToolClass } from '#lib/registry/schema.ts'
import type { GrantProposal, GrantUsage } from '#lib/scopes/schema/usage.ts'

export const reviewDecisions = ['keep', 'narrow', 'revoke'] as const
export type ReviewDecision = (typeof reviewDecisions)[number]

/** The most grants of one campaign. */
export const reviewItemsMax = 5000

export const startReviewInput = z
  .strictObject({
    title: oneLine(120).min(3, 'Say in a few words what is reviewed.'),
    /** A query of the catalog: every grant of the agents that it finds now. */
    query: z.string().max(1000).optional(),
    /** A saved view of the catalog by its name, one's own before one that is shared: the agents of its query. */
    view: oneLine(60).min(1, 'Name the view.').optional(),
    /** These grants. */
    grantIds: z.array(z.uuid()).max(500).optional(),
    /** Days from now until it ends. */
    dueDays: z.int().min(1, 'Give at least one day.').max(180),
    /** What becomes of what nobody answers: it stays, it is narrowed or revoked as proposed, or it is revoked. */
    atEnd: z.enum(reviewDecisions),
    /** How many days of calls are looked at. */
    days: z.int().min(7).max(400).default(90),
  })
  .refine((input) => [input.query, input.view, input.grantIds].filter((each) => each !== undefined).length === 1, {
    message: 'Give one of a query, a saved view and grants.',
    path: ['query'],
  })
export type StartReviewInput = z.infer<typeof startReviewInput>

export const decideReviewInput = z.strictObject({
  campaignId: z.uuid(),
  decisions: z
    .array(
      z.strictObject({
        itemId: z.uuid(),
        forPersonId,
        decision: z.enum(reviewDecisions),
        reason: oneLine(1000).min(3, 'Say why.'),
      }),
    )
    .min(1, 'Decide about at least one.')
    .max(200),
})
export type DecideReviewInput = z.infer<typeof decideReviewInput>

export const endReviewInput = z.strictObject({ campaignId: z.uuid() })
export type EndReviewInput = z.infer<typeof endReviewInput>

export const reviewListQuery = z.strictObject({
  state: z.enum(['open', 'ended', 'any']).default('any'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(100).optional(),
})
export type ReviewListQuery = z.infer<typeof reviewListQuery>

export const reviewShowQuery = z.strictObject({
  /** `mine`: what the reader may decide; `open`: what nobody has answered. */
  show: z.enum(['all', 'open', 'mine']).default('all'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(100).optional(),
})
export type ReviewShowQuery = z.infer<typeof reviewShowQuery>

export type ReviewRefusal = { rule: ReviewRule; message: string }
export const reviewRules = [
  'reviews:ended',
  'reviews:already_decided',
  'reviews:not_yours',
  'reviews:not_standing_in',
  'reviews:own_break_glass',
  'reviews:nothing_proposed',
  'reviews:not_as_proposed',
  'reviews:grant_ended',
] as const
export type ReviewRule = (typeof reviewRules)[number]

/** What was known of a grant when the campaign began. */
export type ReviewEvidence = {
  at: string
  days: number
  verdict: GrantUsage['verdict']
  calls: number
  lastUsedAt: string | null
  tools: GrantUsage['tools']
  proposal: GrantProposal | null
  missing: GrantUsage['missing']
  /** Given since its agent was last reviewed, or never reviewed. */
  isNew: boolean
}

export type ReviewProgress = { items: number; decided: number; kept: number; narrowed: number; revoked: number }

export type ReviewCampaignRow = {
  id: string
  title: string
  query: string | null
  /** The saved view that the query was taken from. */
  viewName: string | null
  days: number
  atEnd: ReviewDecision
  startedBy: PersonRef
  startedAt: string
  dueAt: string
  /** Null: it goes on. */
  endedAt: string | null
  endedBy: PersonRef | null
  progress: ReviewProgress
}
export type ReviewCampaignList = { items: ReviewCampaignRow[]; nextCursor: string | null }

/** An open campaign, and how many grants of it the reader may answer for. */
export type WaitingReview = { campaign: { id: string; title: string; dueAt: string }; answers: number }

export type ReviewItemView = {
  id: string
  agent: { id: string; name: string; status: AgentStatus }
  owner: { id: string; name: string }
  accountable: PersonRef
  grantId: string
  server: { id: string; name: string; environment: Environment }
  class: ToolClass
  toolName: string | null
  breakGlass: boolean
  createdAt: string
  expiresAt: string | null
  evidence: ReviewEvidence
  /** Calls that it covers since the campaign began, tools of them that were not called before, and whether what was proposed would take away what is in use by now. */
  since: { calls: number; newTools: string[]; neededByNow: boolean }
  decision: ReviewDecision | null
  reason: string | null
  how: string | null
  decidedBy: PersonRef | null
  /** In whose place. */
  decidedFor: PersonRef | null
  decidedAt: string | null
  /** In whose place alone the person reading may decide; empty: in their own, or not at all. */
  standsInFor: StandIn[]
  /** Whether the person reading may decide, and why not. */
  decidable: { allowed: true } | { allowed: false; refusal: { rule: string; message: string } }
}

export type ReviewCampaignView = ReviewCampaignRow & {
  /** Teams with something unanswered, the most first. */
  waiting: { team: { id: string; name: string }; items: number }[]
  items: ReviewItemView[]
  nextCursor: string | null
}

/** What came of each decision that was submitted; a refused one changes nothing. */
export type ReviewOutcome = {
  decided: number
  refused: { itemId: string; rule: ReviewRule; message: string }[]
}
