import { z } from 'zod'
import { breakGlassInput, breakGlassListQuery, reviewBreakGlassInput } from '#lib/scopes/schema/break-glass.ts'
import { breakGlass } from '../answers/break-glass.ts'
import { text, time } from '../answers/words.ts'
import { pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleAgent, exampleId, namedId, uuidId } from './params.ts'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/break-glass',
  summary: 'Break-glass grants, newest first: those in force or waiting for their review, or all.',
  permission: 'agents:read',
  query: breakGlassListQuery,
  answer: json(pagedOf(breakGlass)),
  example: { query: { state: 'open' } },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/break-glass/{id}',
  summary: 'One break-glass grant with its review, by the id of the grant.',
  permission: 'agents:read',
  params: uuidId,
  revision: 'breakGlass',
  answer: json(breakGlass),
  example: { params: exampleId },
})

export const take = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/break-glass',
  summary:
    'Gives an agent a scope at once in an emergency, for four hours at most; announced, and reviewed afterwards.',
  permission: 'grants:break_glass',
  params: namedId,
  body: breakGlassInput.omit({ agentId: true }),
  status: 201,
  answer: json(z.strictObject({ grantId: text, expiresAt: time })),
  example: {
    params: exampleAgent,
    body: {
      serverId: 'erp',
      class: 'write',
      toolName: 'post_adjustment',
      minutes: 60,
      reason: 'Invoices of today are posted twice and must be reversed.',
      incident: 'INC-4711',
    },
  },
})

export const review = endpoint({
  method: 'POST',
  path: '/api/v1/break-glass/{id}/review',
  summary: 'Says whether breaking the glass was justified; by the id of its grant, and not by who took it.',
  permission: 'scopes:approve',
  params: uuidId,
  body: reviewBreakGlassInput.omit({ grantId: true }),
  revision: 'breakGlass',
  answer: nothing,
  example: { params: exampleId, body: { verdict: 'justified', note: 'The double postings were real and reversed.' } },
})
