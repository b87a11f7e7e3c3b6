import { z } from 'zod'
import { personMoveInput } from '#lib/auth/schema.ts'
import { orphanQuery, takeOverInput } from '#lib/lifecycle/schema.ts'
import { personRow } from '../answers/account.ts'
import { orphanList } from '../answers/orphans.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleAgent, exampleId, flag, namedId, uuidId } from './params.ts'

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/people/{id}',
  summary: 'One person with their roles and teams, and whether they can sign in.',
  permission: 'agents:read',
  params: uuidId,
  revision: 'person',
  answer: json(personRow),
  example: { params: exampleId },
})

export const deactivate = endpoint({
  method: 'POST',
  path: '/api/v1/people/{id}/deactivate',
  summary: 'Somebody has left: signs them out everywhere, ends their tokens; their agents are orphaned from now on.',
  permission: 'people:manage',
  params: uuidId,
  body: personMoveInput.pick({ reason: true }),
  revision: 'person',
  answer: nothing,
  example: { params: exampleId, body: { reason: 'Left the company.' } },
})

export const reactivate = endpoint({
  method: 'POST',
  path: '/api/v1/people/{id}/reactivate',
  summary: 'Lets somebody sign in again; tokens and sessions that were ended stay so.',
  permission: 'people:manage',
  params: uuidId,
  body: personMoveInput.pick({ reason: true }),
  revision: 'person',
  answer: nothing,
  example: { params: exampleId, body: { reason: 'Back from leave.' } },
})

export const listOrphans = endpoint({
  method: 'GET',
  path: '/api/v1/orphans',
  summary:
    'Agents nobody who can sign in answers for, with the end of their grace; those that still run come first. `mine=true`: of teams one may act for.',
  permission: 'agents:read',
  query: orphanQuery.extend({ mine: flag.default(false) }),
  answer: json(orphanList),
})

export const takeOver = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/take-over',
  summary: 'Names who answers for an orphaned agent from now on; a suspension for that ends.',
  permission: 'agents:take_over',
  params: namedId,
  body: takeOverInput.omit({ agentId: true }),
  revision: 'agent',
  answer: json(z.strictObject({ resumed: z.boolean() })),
  example: { params: exampleAgent, body: { accountablePersonId: exampleId.id } },
})
