import { z } from 'zod'
import { escalationListQuery } from '#lib/harness/schema.ts'
import { escalation, escalationPage } from '../answers/runs.ts'
import { endpoint, json } from '../endpoint.ts'
import { exampleId, uuidId } from './params.ts'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/escalations',
  summary: 'What agents brought to people, newest first, a page at a time.',
  permission: 'runs:read',
  query: escalationListQuery,
  answer: json(escalationPage),
  example: { query: { open: 'true' } },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/escalations/{id}',
  summary: 'One escalation, and whether it is dealt with.',
  permission: 'runs:read',
  params: uuidId,
  revision: 'escalation',
  answer: json(escalation),
  example: { params: exampleId },
})

export const resolve = endpoint({
  method: 'POST',
  path: '/api/v1/escalations/{id}/resolve',
  summary: 'Says that an escalation is dealt with.',
  permission: 'escalations:resolve',
  params: uuidId,
  revision: 'escalation',
  answer: json(z.strictObject({ resolved: z.boolean() })),
  example: { params: exampleId },
})
