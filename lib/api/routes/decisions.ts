import { explainDecisionInput, simulateInput } from '#lib/guardrails/schema/explanation.ts'
import { decisionExplanation, simulation } from '../answers/explanation.ts'
import { endpoint, json } from '../endpoint.ts'
import { exampleId } from './params.ts'

export const explain = endpoint({
  method: 'GET',
  path: '/api/v1/decisions/{id}',
  summary: 'Why something was decided as it was, by the id of its audit event, and whether it would be now.',
  permission: 'runs:read',
  params: explainDecisionInput,
  answer: json(decisionExplanation),
  example: { params: exampleId },
})

export const simulate = endpoint({
  method: 'POST',
  path: '/api/v1/simulate',
  summary: 'What the broker would decide about a call, step by step: now, then or later. Nothing is called.',
  permission: 'agents:read',
  body: simulateInput,
  answer: json(simulation),
  example: {
    body: {
      agentId: 'invoice-reconciler-7',
      serverId: 'erp',
      tool: 'post_entry',
      arguments: { amount: 1200 },
      at: '2027-01-01T00:00:00Z',
    },
  },
})
