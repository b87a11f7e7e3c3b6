import { z } from 'zod'
import { createDelegationInput, delegationListQuery } from '#lib/delegation/schema.ts'
import { delegation } from '../answers/delegations.ts'
import { reference, text } from '../answers/words.ts'
import { endpoint, json } from '../endpoint.ts'
import { pagedOf, pageQuery } from '../paging.ts'
import { exampleId, uuidId } from './params.ts'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/delegations',
  summary: 'Who stands in for you and for whom you stand in; with people:manage everybody’s.',
  permission: 'delegations:own',
  query: pageQuery.extend(delegationListQuery.shape),
  answer: json(pagedOf(delegation)),
  example: { query: { state: 'open' } },
})

export const possible = endpoint({
  method: 'GET',
  path: '/api/v1/delegations/possible',
  summary: 'Who could stand in for you: people who share a role of yours that decides.',
  permission: 'delegations:own',
  query: pageQuery,
  answer: json(pagedOf(reference)),
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/delegations/{id}',
  summary: 'One delegation: yours, or one in which you stand in.',
  permission: 'delegations:own',
  params: uuidId,
  revision: 'delegation',
  answer: json(delegation),
  example: { params: exampleId },
})

export const create = endpoint({
  method: 'POST',
  path: '/api/v1/delegations',
  summary: 'Names who is asked in your place while you are away; it ends by itself.',
  permission: 'delegations:own',
  body: createDelegationInput,
  status: 201,
  answer: json(z.strictObject({ delegationId: text })),
  example: { body: { delegateId: exampleId.id, endsAt: '2026-12-04T18:00:00Z', reason: 'On leave.' } },
})

export const revoke = endpoint({
  method: 'POST',
  path: '/api/v1/delegations/{id}/revoke',
  summary: 'Ends a delegation at once: yours, or one in which you stand in.',
  permission: 'delegations:own',
  params: uuidId,
  revision: 'delegation',
  answer: json(z.strictObject({ revoked: z.boolean() })),
  example: { params: exampleId },
})
