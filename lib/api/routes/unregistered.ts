import { z } from 'zod'
import { adoptedLayer, createAgentInput } from '#lib/lifecycle/schema.ts'
import { dismissUnregisteredInput, unregisteredQuery } from '#lib/registry/schema/unregistered.ts'
import { importOutcome, unregistered, unregisteredList } from '../answers/unregistered.ts'
import { text } from '../answers/words.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, uuidId } from './params.ts'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/unregistered',
  summary: 'Agents and callers that were found and are not registered, last seen first, a page at a time.',
  permission: 'agents:read',
  query: unregisteredQuery,
  answer: json(unregisteredList),
  example: { query: { source: 'claude' } },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/unregistered/{id}',
  summary: 'One finding, and what an agent at Claude is made of: its prompt, model, tools, MCP servers and skills.',
  permission: 'agents:read',
  params: uuidId,
  revision: 'unregistered',
  answer: json(unregistered),
  example: { params: exampleId },
})

export const importMany = endpoint({
  method: 'POST',
  path: '/api/v1/unregistered/import',
  summary: 'Takes findings from elsewhere as CSV or JSON: all of them or, with any problem, none.',
  permission: 'discovery:manage',
  query: z.strictObject({ format: z.enum(['csv', 'json']).default('csv') }),
  body: z.string(),
  textBody: true,
  bodyBytesMax: 4_000_000,
  answer: json(importOutcome),
  example: { query: { format: 'csv' }, body: 'key,name,note\ncron-on-host-7,Nightly report,runs with a shared key\n' },
})

export const adopt = endpoint({
  method: 'POST',
  path: '/api/v1/unregistered/{id}/adopt',
  summary:
    'Registers what was found, as creating an agent does; an agent at Claude stays the same one there, and its prompt goes on where none is given.',
  permission: 'agents:create',
  params: uuidId,
  body: createAgentInput.extend({ layer: adoptedLayer.optional() }),
  revision: 'unregistered',
  status: 201,
  answer: json(z.strictObject({ agentId: text, version: z.int().positive() })),
  example: {
    params: exampleId,
    body: {
      id: 'nightly-report',
      name: 'Nightly report',
      purpose: 'sum up the ledger every night',
      ownerTeamId: 'finance-platform',
      accountablePersonId: '00000000-0000-7000-8000-000000000001',
      tier: 'low',
      templateId: 'invoice-reconciler',
    },
  },
})

export const dismiss = endpoint({
  method: 'POST',
  path: '/api/v1/unregistered/{id}/dismiss',
  summary: 'Says that a finding is nothing to register, and why; it comes back when it acts again.',
  permission: 'discovery:manage',
  params: uuidId,
  body: dismissUnregisteredInput.omit({ unregisteredId: true }),
  revision: 'unregistered',
  answer: nothing,
  example: { params: exampleId, body: { reason: 'A test of the platform team.' } },
})
