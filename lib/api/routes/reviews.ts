import { z } from 'zod'
import { decideReviewInput, reviewListQuery, reviewShowQuery, startReviewInput } from '#lib/lifecycle/schema/reviews.ts'
import { reviewCampaign, reviewCampaignList, reviewOutcome } from '../answers/reviews.ts'
import { count, text } from '../answers/words.ts'
import { endpoint, json } from '../endpoint.ts'
import { exampleId, uuidId } from './params.ts'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/review-campaigns',
  summary: 'Campaigns that review grants, the newest first, with how far they have come.',
  permission: 'agents:read',
  query: reviewListQuery,
  answer: json(reviewCampaignList),
  example: { query: { state: 'open' } },
})

export const start = endpoint({
  method: 'POST',
  path: '/api/v1/review-campaigns',
  summary:
    'Starts a campaign over the grants of the agents of a query or of a saved view, or over grants that are named.',
  permission: 'reviews:manage',
  body: startReviewInput,
  status: 201,
  answer: json(z.strictObject({ campaignId: text, items: count })),
  example: {
    body: { title: 'Writes on production', query: 'can:write env:production', dueDays: 14, atEnd: 'narrow' },
  },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/review-campaigns/{id}',
  summary:
    'One campaign: its grants with the evidence from when it began, what was called since, and who has not answered.',
  permission: 'agents:read',
  params: uuidId,
  query: reviewShowQuery,
  revision: 'reviewCampaign',
  answer: json(reviewCampaign),
  example: { params: exampleId, query: { show: 'mine' } },
})

export const decide = endpoint({
  method: 'POST',
  path: '/api/v1/review-campaigns/{id}/decide',
  summary:
    'Keeps, narrows or revokes grants of a campaign, each with a reason; what is refused is named, the rest is done.',
  permission: 'scopes:request',
  orPermissions: ['reviews:manage'],
  params: uuidId,
  body: decideReviewInput.omit({ campaignId: true }),
  revision: 'reviewCampaign',
  answer: json(reviewOutcome),
  example: {
    params: exampleId,
    body: { decisions: [{ itemId: exampleId.id, decision: 'narrow', reason: 'It calls nothing else.' }] },
  },
})

export const end = endpoint({
  method: 'POST',
  path: '/api/v1/review-campaigns/{id}/end',
  summary: 'Ends a campaign before its time: what nobody answered becomes what the campaign says.',
  permission: 'reviews:manage',
  params: uuidId,
  revision: 'reviewCampaign',
  answer: json(z.strictObject({ unanswered: count })),
  example: { params: exampleId },
})
