import { z } from 'zod'
import { auditQuery } from '#lib/audit/schema.ts'
import { orderStopInput, releaseStopInput, stopListQuery, stopTarget } from '#lib/killswitch/schema.ts'
import { metricsRange, retirementQuery } from '#lib/metrics/schema.ts'
import { auditEvent, stopReach, fleetFigures, released, retirementList, rule, stopOrder } from '../answers/control.ts'
import { text } from '../answers/words.ts'
import { pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, uuidId } from './params.ts'

export const listStops = endpoint({
  method: 'GET',
  path: '/api/v1/kill',
  summary: 'Stop orders with their acknowledgements, newest first; open=true: those in force.',
  permission: 'stops:read',
  query: stopListQuery,
  answer: json(pagedOf(stopOrder)),
  example: { query: { open: 'true' } },
})

export const showStop = endpoint({
  method: 'GET',
  path: '/api/v1/kill/{id}',
  summary: 'One stop order with its acknowledgements.',
  permission: 'stops:read',
  params: uuidId,
  revision: 'stopOrder',
  answer: json(stopOrder),
  example: { params: exampleId },
})

export const orderStop = endpoint({
  method: 'POST',
  path: '/api/v1/kill',
  summary: 'Stops an agent, a server, a tool, a team or the whole organization from now on.',
  permission: 'stops:order',
  unlimited: true,
  body: orderStopInput,
  status: 201,
  answer: json(z.strictObject({ orderId: text, runs: z.int() })),
  example: { body: { scope: 'agent', targetId: 'invoice-reconciler-7', reason: 'It posts to the wrong ledger.' } },
})

export const releaseStop = endpoint({
  method: 'POST',
  path: '/api/v1/kill/{id}/release',
  summary:
    'Ends a stop order; nothing restarts by itself. That of the whole organization waits until another person asks for the same within an hour.',
  permission: 'stops:release',
  params: uuidId,
  body: releaseStopInput.pick({ reason: true }),
  revision: 'stopOrder',
  answer: json(released),
  example: { params: exampleId, body: { reason: 'The ledger is fixed.' } },
})

export const withdrawRelease = endpoint({
  method: 'POST',
  path: '/api/v1/kill/{id}/withdraw-release',
  summary: 'Takes back that one has asked to end the stop of the whole organization.',
  permission: 'stops:release',
  params: uuidId,
  revision: 'stopOrder',
  answer: nothing,
  example: { params: exampleId },
})

export const blastRadius = endpoint({
  method: 'GET',
  path: '/api/v1/kill/blast-radius',
  summary: 'What a stop order would stop: agents, open runs, schedules.',
  permission: 'stops:read',
  query: stopTarget,
  answer: json(stopReach),
  example: { query: { scope: 'agent', targetId: 'invoice-reconciler-7' } },
})

export const listAudit = endpoint({
  method: 'GET',
  path: '/api/v1/audit',
  summary: 'Audit events, newest first; after a sequence number oldest first.',
  permission: 'audit:read',
  query: auditQuery,
  cursorOf: ({ after }) => (after === undefined ? 'before' : 'after'),
  answer: json(pagedOf(auditEvent)),
  example: { query: { agent: 'invoice-reconciler-7', limit: '20' } },
})

export const explainRule = endpoint({
  method: 'GET',
  path: '/api/v1/rules/{id}',
  summary: 'What a rule that refused says, who set it, and who can change it.',
  permission: null,
  params: z.strictObject({ id: z.string().min(1).max(200) }),
  answer: json(rule),
  example: { params: { id: 'grant_missing' } },
})

export const fleetSummary = endpoint({
  method: 'GET',
  path: '/api/v1/fleet',
  summary: 'The fleet over the last days: runs, cost, escalations, coverage.',
  permission: 'fleet:read',
  query: metricsRange,
  answer: json(fleetFigures),
  example: { query: { days: '30' } },
})

export const retirementCandidates = endpoint({
  method: 'GET',
  path: '/api/v1/fleet/candidates',
  summary: 'Agents that are idle or escalate too much, with what retiring them saves.',
  permission: 'fleet:read',
  query: retirementQuery,
  answer: json(retirementList),
  example: { query: { idleDays: '30' } },
})
