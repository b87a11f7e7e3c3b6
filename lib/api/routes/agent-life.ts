import { z } from 'zod'
import { issueCredentialInput, revokeCredentialsInput } from '#lib/auth/schema.ts'
import {
  bulkEligibilityInput,
  changeAgentLogicInput,
  moveAgentInput,
  moveAgentsInput,
  setScheduleInput,
} from '#lib/lifecycle/schema.ts'
import { setAgentLimitsInput } from '#lib/guardrails/schema/agent-limits.ts'
import { limitAgentCallsInput } from '#lib/guardrails/schema/call-rates.ts'
import { agentCredential } from '../answers/account.ts'
import { agentCallRate, agentLimits, bulkEligibility, bulkOutcome, creationLog } from '../answers/agents.ts'
import { text, time } from '../answers/words.ts'
import { pagedOf, pageQuery } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleAgent, namedId } from './params.ts'

const reason = moveAgentInput.pick({ reason: true })
const exampleReason = { params: exampleAgent, body: { reason: 'It posts to the wrong ledger.' } }

export const creation = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/creation',
  summary: 'The creation log of an agent, step by step.',
  permission: 'agents:read',
  params: namedId,
  answer: json(creationLog),
  example: { params: exampleAgent },
})

export const retryCreation = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/creation',
  summary: 'Tries a creation again that failed; what is done stays done.',
  permission: 'agents:create',
  params: namedId,
  revision: 'agent',
  answer: json(z.strictObject({ agentId: text })),
  example: { params: exampleAgent },
})

export const suspend = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/suspend',
  summary: 'Stops an agent from being started and from calling anything until it is resumed.',
  permission: 'agents:suspend',
  params: namedId,
  body: reason,
  revision: 'agent',
  answer: nothing,
  example: exampleReason,
})

export const callRate = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/call-rate',
  summary: 'How often an agent may call, at all brokers together; null: as often as any other.',
  permission: 'agents:read',
  params: namedId,
  revision: 'agent',
  answer: json(agentCallRate),
  example: { params: exampleAgent },
})

export const limitCalls = endpoint({
  method: 'PUT',
  path: '/api/v1/agents/{id}/call-rate',
  summary: 'Sets how often an agent may call, at all brokers together: milder than a stop.',
  permission: 'agents:suspend',
  params: namedId,
  body: limitAgentCallsInput.omit({ agentId: true }),
  revision: 'agent',
  answer: json(agentCallRate),
  example: { params: exampleAgent, body: { callsPerSecond: 2, reason: 'It asks the ERP in a loop.' } },
})

export const limits = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/limits',
  summary: 'What an agent has of its own of the limits of its requests, of time and of results; null: nothing.',
  permission: 'agents:read',
  params: namedId,
  revision: 'agent',
  answer: json(agentLimits),
  example: { params: exampleAgent },
})

export const setLimits = endpoint({
  method: 'PATCH',
  path: '/api/v1/agents/{id}/limits',
  summary:
    'Sets limits of an agent’s own: of its requests, of how long a server has for its calls, and of results. The lowest of agent, server and broker counts.',
  permission: 'agents:suspend',
  params: namedId,
  body: setAgentLimitsInput.omit({ agentId: true }),
  revision: 'agent',
  answer: json(agentLimits),
  example: { params: exampleAgent, body: { resultBytesMax: 1_000_000, reason: 'It reads whole tables.' } },
})

export const resume = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/resume',
  summary: 'Ends a suspension; nothing restarts by itself.',
  permission: 'agents:suspend',
  params: namedId,
  body: reason,
  revision: 'agent',
  answer: nothing,
  example: exampleReason,
})

export const retire = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/retire',
  summary: 'Ends an agent for good: scopes and credentials are revoked, its history stays.',
  permission: 'agents:retire',
  params: namedId,
  body: reason,
  revision: 'agent',
  answer: nothing,
  example: exampleReason,
})

export const schedule = endpoint({
  method: 'PUT',
  path: '/api/v1/agents/{id}/schedule',
  summary: 'Sets when an agent starts by itself (five cron fields in UTC), or that it does not.',
  permission: 'agents:update',
  params: namedId,
  body: setScheduleInput.omit({ agentId: true }),
  revision: 'agent',
  answer: nothing,
  example: { params: exampleAgent, body: { schedule: '0 6 * * 1-5' } },
})

export const logic = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/logic',
  summary: 'Gives an agent a new immutable version of its logic.',
  permission: 'agents:update',
  params: namedId,
  body: changeAgentLogicInput.omit({ agentId: true }),
  revision: 'agent',
  answer: json(z.strictObject({ version: z.int() })),
  example: { params: exampleAgent, body: { layer: { prompt: 'Mind the credit notes.', parameters: {} } } },
})

export const review = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/review',
  summary: 'Records that you have reviewed an agent; the next review follows from its tier.',
  permission: 'agents:update',
  params: namedId,
  revision: 'agent',
  answer: json(z.strictObject({ nextReviewAt: time })),
  example: { params: exampleAgent },
})

export const issueCredential = endpoint({
  method: 'POST',
  path: '/api/v1/agents/{id}/credentials',
  summary: 'Gives an agent a credential for the token endpoint; its secret is told this once.',
  permission: 'agents:update',
  params: namedId,
  body: issueCredentialInput,
  status: 201,
  revision: 'agent',
  secret: ['clientSecret'],
  answer: json(z.strictObject({ clientId: text, clientSecret: text.nullable() })),
  example: { params: exampleAgent, body: {} },
})

export const revokeCredentials = endpoint({
  method: 'DELETE',
  path: '/api/v1/agents/{id}/credentials',
  summary: 'Revokes one credential of an agent, or all of them.',
  permission: 'agents:update',
  orPermissions: ['agents:suspend', 'agents:retire'],
  params: namedId,
  query: revokeCredentialsInput,
  revision: 'agent',
  answer: json(z.strictObject({ revoked: z.array(text) })),
  example: { params: exampleAgent },
})

export const listCredentials = endpoint({
  method: 'GET',
  path: '/api/v1/agents/{id}/credentials',
  summary: 'The credentials of an agent for use outside of the harness, newest first; no secret is in it.',
  permission: 'agents:read',
  params: namedId,
  query: pageQuery,
  answer: json(pagedOf(agentCredential)),
  example: { params: exampleAgent },
})

const several = { agentIds: ['invoice-reconciler-7', 'invoice-reconciler-8'], move: 'suspend' }

export const eligible = endpoint({
  method: 'POST',
  path: '/api/v1/agents/bulk/eligible',
  summary: 'Of several agents those that can be suspended or resumed, and why not the others; nothing is changed.',
  permission: 'agents:read',
  body: bulkEligibilityInput,
  answer: json(bulkEligibility),
  example: { body: several },
})

export const moveMany = endpoint({
  method: 'POST',
  path: '/api/v1/agents/bulk',
  summary: 'Suspends or resumes several agents, each for itself, and says why not the others.',
  permission: 'agents:suspend',
  body: moveAgentsInput,
  answer: json(bulkOutcome),
  example: { body: { ...several, reason: 'They post to the wrong ledger.' } },
})
