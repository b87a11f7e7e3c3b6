import { z } from 'zod'
import { numberMax } from '#lib/core/count.ts'
import { timelineQuery } from '#lib/audit/schema.ts'
import { slug } from '#lib/core/slug.ts'
import { createAgentInput, updateAgentInput } from '#lib/lifecycle/schema.ts'
import { agentTrafficQuery } from '#lib/metrics/schema/traffic.ts'
import { similarAgentsQuery } from '#lib/registry/schema/similar.ts'
import { asOfQuery } from '#lib/registry/schema/history.ts'
import { metricsRange } from '#lib/metrics/schema.ts'
import { agentListQuery, completeQueryInput } from '#lib/registry/schema.ts'
import { agent, agentList, agentPreview, agentVersion, agentVersionRow, manifestPlan } from '../answers/agents.ts'
import { templateDrift } from '../answers/drift.ts'
import { agentFacets, queryCompletion, queryExplanation } from '../answers/catalog.ts'
import { agentMetrics, timelineEntry } from '../answers/control.ts'
import { similarAgent } from '../answers/similar.ts'
import { agentTraffic } from '../answers/traffic.ts'
import { itemsOf, text } from '../answers/words.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { csv as csvAnswer, endpoint, json, yaml } from '../endpoint.ts'
import { csvColumns } from '#lib/registry/schema/catalog.ts'
import { exampleAgent, flag, namedId } from './params.ts'

/** Whether only to say what would happen. */
const dryRun = z.strictObject({ dryRun: flag.default(false) })
const applyQuery = dryRun.extend({
  /** A label of the files as a whole; what applying them creates is remembered under it. */
  set: slug.optional(),
  /** Retires what the set has created and does not hold any more. */
  prune: flag.default(false),
  /** The digest of a plan: refused when something else would change. */
  plan: z.string().max(100).optional(),
})
/** `measured=false` leaves out what is measured and reviewed, for files kept in a repository. */
const measured = flag.default(true)
/** Ids separated by commas, instead of a query; in that order. */
const ids = z.string().max(20_000).optional()

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/agents',
  summary: 'The catalog: agents that match a query and filters, a page at a time.',
  permission: 'agents:read',
  query: agentListQuery,
  answer: json(agentList),
  example: { query: { can: 'write', env: 'production' } },
})

export const facets = endpoint({
  method: 'GET',
  path: '/api/v1/agents/facets',
  summary: 'Counts by value among the agents that match; each facet leaves its own filter out.',
  permission: 'agents:read',
  query: agentListQuery.omit({ cursor: true, limit: true, sort: true, order: true }),
  answer: json(agentFacets),
  example: { query: { q: 'can:write env:production' } },
})

export const complete = endpoint({
  method: 'GET',
  path: '/api/v1/agents/complete',
  summary: 'Keys and values that continue a query at the cursor, with how many agents it then finds.',
  permission: 'agents:read',
  query: completeQueryInput,
  answer: json(queryCompletion),
  example: { query: { q: 'can:write env:' } },
})

export const explain = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/explain',
  summary: 'Why an agent does or does not match a query, part by part.',
  permission: 'agents:read',
  params: namedId,
  query: asOfQuery.extend({ q: z.string().max(1000) }),
  answer: json(queryExplanation),
  example: { params: exampleAgent, query: { q: 'can:write env:production' } },
})

export const create = endpoint({
  method: 'POST',
  path: '/api/v1/agents',
  summary:
    'Registers an agent from a golden template; with dryRun says what would be created, and what is wrong with it.',
  permission: 'agents:create',
  query: dryRun,
  body: createAgentInput,
  status: 201,
  answer: json(z.union([z.strictObject({ agentId: text, version: z.int() }), agentPreview])),
  example: {
    body: {
      id: 'invoice-reconciler-7',
      name: 'Invoice reconciler 7',
      purpose: 'match invoices to POs, flag discrepancies',
      ownerTeamId: 'finance-platform',
      accountablePersonId: '00000000-0000-7000-8000-000000000001',
      tier: 'low',
      templateId: 'invoice-reconciler',
    },
  },
})

export const apply = endpoint({
  method: 'POST',
  path: '/api/v1/agents/apply',
  summary: 'Makes the registry say what the YAML says: all of it or, with any problem, nothing.',
  permission: 'agents:update',
  query: applyQuery,
  body: z.string(),
  textBody: true,
  bodyBytesMax: 4_000_000,
  answer: json(manifestPlan),
  example: { body: 'id: invoice-reconciler-7\npurpose: match invoices to POs\n' },
})

export const exportMany = endpoint({
  method: 'GET',
  path: '/api/v1/agents/export',
  summary: 'Agents as YAML documents, by ids or by query; applying the file again changes nothing.',
  permission: 'agents:read',
  query: agentListQuery.omit({ cursor: true, limit: true, asOf: true }).extend({
    ids,
    measured,
  }),
  answer: yaml,
  example: { query: { can: 'write', env: 'production' } },
})

export const csv = endpoint({
  method: 'GET',
  path: '/api/v1/agents/csv',
  summary:
    'The catalog as a table of comma-separated values: agents by ids, or all that match, in the order asked for.',
  permission: 'agents:read',
  query: agentListQuery.omit({ cursor: true, limit: true }).extend({ ids, columns: csvColumns.optional() }),
  answer: csvAnswer,
  example: { query: { can: 'write', env: 'production' } },
})

export const timeline = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/timeline',
  summary: 'What happened to an agent, newest first: everything on record but its calls.',
  permission: 'agents:read',
  params: namedId,
  query: timelineQuery.omit({ agentId: true }),
  cursorOf: () => 'before',
  answer: json(pagedOf(timelineEntry)),
  example: { params: exampleAgent },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}',
  summary: 'Everything the registry knows about an agent, with what it can reach: now, or as it was.',
  permission: 'agents:read',
  params: namedId,
  query: asOfQuery,
  revision: 'agent',
  answer: json(agent),
  example: { params: exampleAgent },
})

export const update = endpoint({
  method: 'PATCH',
  path: '/api/v1/agents/{id}',
  summary:
    'Changes facts of the registry entry: name, purpose, owner, accountable person, budget with agents:update; tier with agents:classify.',
  permission: 'agents:update',
  orPermissions: ['agents:classify'],
  params: namedId,
  body: updateAgentInput.omit({ agentId: true }),
  revision: 'agent',
  answer: json(agent),
  example: { params: exampleAgent, body: { purpose: 'match invoices to POs' } },
})

export const versions = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/versions',
  summary: 'Every version of an agent, newest first.',
  permission: 'agents:read',
  params: namedId,
  query: pageQuery,
  answer: json(pagedOf(agentVersionRow)),
  example: { params: exampleAgent },
})

export const drift = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/drift',
  summary: 'How far an agent is behind its template, what was published since, and what moving to it would change.',
  permission: 'agents:read',
  params: namedId,
  answer: json(templateDrift),
  example: { params: exampleAgent },
})

export const version = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/versions/{version}',
  summary: 'One version: the team’s layer, and what was rendered from it and the template.',
  permission: 'agents:read',
  params: namedId.extend({ version: z.coerce.number().int().positive().max(numberMax) }),
  answer: json(agentVersion),
  example: { params: { ...exampleAgent, version: '1' } },
})

export const exportOne = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/export',
  summary: 'The registry entry of an agent as YAML.',
  permission: 'agents:read',
  params: namedId,
  query: z.strictObject({ measured }),
  answer: yaml,
  example: { params: exampleAgent },
})

export const connections = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/connections',
  summary:
    'What an agent called over the last days, with the agents that write where it reads and read where it writes.',
  permission: 'agents:read',
  params: namedId,
  query: agentTrafficQuery.pick({ days: true }),
  answer: json(agentTraffic),
  example: { params: exampleAgent, query: { days: '30' } },
})

export const similar = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/similar',
  summary: 'Agents that hold much the same scopes for much the same purpose, most alike first.',
  permission: 'agents:read',
  params: namedId,
  query: similarAgentsQuery,
  answer: json(itemsOf(similarAgent)),
  example: { params: exampleAgent, query: { limit: '10' } },
})

export const metrics = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/metrics',
  summary: 'Runs, cost and escalations of an agent over the last days.',
  permission: 'fleet:read',
  params: namedId,
  query: metricsRange,
  answer: json(agentMetrics),
  example: { params: exampleAgent, query: { days: '30' } },
})
