import { z } from 'zod'
import { grantProposalsQuery, grantUsageQuery, narrowGrantInput, unusedGrantsQuery } from '#lib/scopes/schema/usage.ts'
import { proposalList, staleToolset, unusedGrantList, usage } from '../answers/usage.ts'
import { text } from '../answers/words.ts'
import { pagedOf, pageQuery } from '../paging.ts'
import { endpoint, json } from '../endpoint.ts'
import { exampleAgent, exampleId, namedId, uuidId } from './params.ts'

export const ofAgent = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/grant-usage',
  summary:
    'Which of its grants the calls of an agent needed over the last days, and which tools would have been enough.',
  permission: 'agents:read',
  params: namedId,
  query: pageQuery.extend(grantUsageQuery.omit({ agentId: true }).shape),
  answer: json(pagedOf(usage)),
  example: { params: exampleAgent, query: { days: '90' } },
})

export const unused = endpoint({
  method: 'GET',
  path: '/api/v1/grants/unused',
  summary: 'Grants that no call needed over the last days and that are older than that, a page at a time.',
  permission: 'agents:read',
  query: unusedGrantsQuery,
  answer: json(unusedGrantList),
  example: { query: { days: '90' } },
})

export const proposals = endpoint({
  method: 'GET',
  path: '/api/v1/grants/proposals',
  summary:
    'How grants could be less, from what their agents called: to revoke or to narrow, to tools and conditions on arguments, with the denials it would have caused.',
  permission: 'agents:read',
  query: grantProposalsQuery,
  answer: json(proposalList),
  example: { query: { days: '90', kind: 'narrow' } },
})

export const narrow = endpoint({
  method: 'POST',
  path: '/api/v1/grants/{id}/narrow',
  summary:
    'Puts grants of single tools, under conditions if any are added, in the place of one of a whole class or tool, for as long and within the same limits.',
  permission: 'grants:revoke',
  orPermissions: ['scopes:request'],
  params: uuidId,
  body: narrowGrantInput.omit({ grantId: true }),
  revision: 'grant',
  answer: json(z.strictObject({ grantIds: z.array(text) })),
  example: { params: exampleId, body: { toolNames: ['get_invoice'], reason: 'It called nothing else.' } },
})

export const toolsets = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/stale-toolsets',
  summary: 'Open sessions of an agent that list other tools at Claude than it has now, and what comes of their calls.',
  permission: 'agents:read',
  params: namedId,
  query: pageQuery,
  answer: json(pagedOf(staleToolset)),
  example: { params: exampleAgent },
})
