import { z } from 'zod'
import {
  type ReviewCampaignList,
  type ReviewCampaignRow,
  type ReviewCampaignView,
  reviewDecisions,
  type ReviewItemView,
  type ReviewOutcome,
  reviewRules,
} from '#lib/lifecycle/schema/reviews.ts'
import { agentStatus } from './agents.ts'
import { proposal } from './usage.ts'
import { answerOf, count, decidable, environment, person, reference, standIn, text, time, toolClass } from './words.ts'

const decision = z.enum(reviewDecisions)

const campaignShape = {
  id: text,
  title: text,
  query: text.nullable(),
  viewName: text.nullable(),
  days: count,
  atEnd: decision,
  startedBy: person,
  startedAt: time,
  dueAt: time,
  endedAt: time.nullable(),
  endedBy: person.nullable(),
  progress: z.strictObject({ items: count, decided: count, kept: count, narrowed: count, revoked: count }),
}
const campaignRow = answerOf<ReviewCampaignRow>()(z.strictObject(campaignShape)).meta({ id: 'ReviewCampaignRow' })

export const reviewCampaignList = answerOf<ReviewCampaignList>()(
  z.strictObject({ items: z.array(campaignRow), nextCursor: text.nullable() }),
)

const item = answerOf<ReviewItemView>()(
  z.strictObject({
    id: text,
    agent: z.strictObject({ id: text, name: text, status: agentStatus }),
    owner: reference,
    accountable: person,
    grantId: text,
    server: z.strictObject({ id: text, name: text, environment }),
    class: toolClass,
    toolName: text.nullable(),
    breakGlass: z.boolean(),
    createdAt: time,
    expiresAt: time.nullable(),
    evidence: z.strictObject({
      at: time,
      days: count,
      verdict: z.enum(['used', 'unused', 'insufficient_data']),
      calls: count,
      lastUsedAt: time.nullable(),
      tools: z.array(z.strictObject({ tool: text, class: toolClass.nullable(), calls: count })),
      proposal: proposal.nullable(),
      missing: z.strictObject({ days: count, calls: count }).nullable(),
      isNew: z.boolean(),
    }),
    since: z.strictObject({ calls: count, newTools: z.array(text), neededByNow: z.boolean() }),
    decision: decision.nullable(),
    reason: text.nullable(),
    how: text.nullable(),
    decidedBy: person.nullable(),
    decidedFor: person.nullable(),
    decidedAt: time.nullable(),
    standsInFor: z.array(standIn),
    decidable,
  }),
).meta({ id: 'ReviewItem' })

export const reviewCampaign = answerOf<ReviewCampaignView>()(
  z.strictObject({
    ...campaignShape,
    waiting: z.array(z.strictObject({ team: reference, items: count })),
    items: z.array(item),
    nextCursor: text.nullable(),
  }),
).meta({ id: 'ReviewCampaign' })

export const reviewOutcome = answerOf<ReviewOutcome>()(
  z.strictObject({
    decided: count,
    refused: z.array(z.strictObject({ itemId: text, rule: z.enum(reviewRules), message: text })),
  }),
)
