import { agentDiffQuery, diffQuery } from '#lib/registry/schema/history.ts'
import { agentDiff, agentListDiff, agentMoment } from '../answers/history.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { endpoint, json } from '../endpoint.ts'
import { exampleAgent, namedId } from './params.ts'

export const diffAgents = endpoint({
  method: 'GET',
  path: '/api/v1/agents/diff',
  summary:
    'How the answer to a query differs between two instants: which agents came, went and changed, and who gained or lost reach to which server and class.',
  permission: 'agents:read',
  query: agentDiffQuery,
  answer: json(agentListDiff),
  example: { query: { q: 'can:write env:production', from: '2026-11-01', to: '2026-11-25T10:00:00Z' } },
})

export const diffAgent = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/diff',
  summary: 'How an agent’s entry and grants differ between two instants, field by field.',
  permission: 'agents:read',
  params: namedId,
  query: diffQuery,
  answer: json(agentDiff),
  example: { params: exampleAgent, query: { from: '2026-11-01', to: '2026-11-25T10:00:00Z' } },
})

export const moments = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/history',
  summary: 'The instants at which an agent’s entry or one of its grants changed, newest first.',
  permission: 'agents:read',
  params: namedId,
  query: pageQuery,
  answer: json(pagedOf(agentMoment)),
  example: { params: exampleAgent },
})
