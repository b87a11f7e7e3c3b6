import { z } from 'zod'
import {
  createHoldRuleInput,
  decideHeldCallInput,
  heldCallListQuery,
  heldCallStates,
  removeHoldRuleInput,
} from '#lib/guardrails/schema/held-calls.ts'
import { holdBypassStates, openHoldBypassInput } from '#lib/guardrails/schema/hold-bypasses.ts'
import { holdForecastQuery, holdInsightQuery } from '#lib/guardrails/schema/hold-insight.ts'
import { holdForecast, holdInsight } from '../answers/hold-insight.ts'
import { heldCall, heldCallList, holdBypass, holdRule } from '../answers/approvals.ts'
import { text, time } from '../answers/words.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, flag, uuidId } from './params.ts'

const [approval, edit, rejection] = decideHeldCallInput.options

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/approvals',
  summary: 'Calls held for a person: those that wait oldest first, others newest first.',
  permission: 'runs:read',
  query: heldCallListQuery,
  answer: json(heldCallList),
  example: { query: { state: 'waiting' } },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/approvals/{id}',
  summary:
    'One held call: its exact arguments and what the agent answers with it (only names for who could not decide, is not of the owner team and has no audit:read), who may decide and until when.',
  permission: 'runs:read',
  params: uuidId,
  revision: 'heldCall',
  answer: json(heldCall),
  example: { params: exampleId },
})

export const decide = endpoint({
  method: 'POST',
  path: '/api/v1/approvals/{id}/decide',
  summary:
    'Approves a held call, approves it with other arguments, or rejects it with a reason that the agent is given.',
  permission: 'calls:decide',
  params: uuidId,
  body: z.discriminatedUnion('decision', [
    approval.omit({ heldCallId: true }),
    edit.omit({ heldCallId: true }),
    rejection.omit({ heldCallId: true }),
  ]),
  revision: 'heldCall',
  answer: json(z.strictObject({ state: z.enum(heldCallStates) })),
  example: { params: exampleId, body: { decision: 'reject', note: 'Ask finance first.' } },
})

export const listRules = endpoint({
  method: 'GET',
  path: '/api/v1/hold-rules',
  summary: 'The rules that hold calls for a person, in the order they are asked.',
  permission: 'runs:read',
  query: pageQuery.extend({ history: flag.default(false) }),
  answer: json(pagedOf(holdRule)),
})

export const showRule = endpoint({
  method: 'GET',
  path: '/api/v1/hold-rules/{id}',
  summary: 'One rule that holds calls, also one that was removed.',
  permission: 'runs:read',
  params: uuidId,
  revision: 'holdRule',
  answer: json(holdRule),
  example: { params: exampleId },
})

export const createRule = endpoint({
  method: 'POST',
  path: '/api/v1/hold-rules',
  summary: 'Makes a rule that holds calls by server, tool, class, environment and arguments.',
  permission: 'holds:manage',
  body: createHoldRuleInput,
  status: 201,
  answer: json(z.strictObject({ ruleId: text })),
  example: {
    body: {
      title: 'Large corrections wait for a person',
      serverId: 'invoices',
      class: 'write',
      conditions: [{ pointer: '/amount', range: { min: 1000 } }],
      deciderRoles: ['team_lead', 'security'],
      decideSeconds: 900,
    },
  },
})

export const removeRule = endpoint({
  method: 'POST',
  path: '/api/v1/hold-rules/{id}/remove',
  summary: 'Asks for the end of a rule, or as a second person ends it; calls it holds already still wait.',
  permission: 'holds:manage',
  params: uuidId,
  body: removeHoldRuleInput.omit({ ruleId: true }),
  revision: 'holdRule',
  answer: json(z.strictObject({ removed: z.boolean(), waits: z.boolean() })),
  example: { params: exampleId, body: { reason: 'The team decides by itself now.' } },
})

export const withdrawRuleEnd = endpoint({
  method: 'POST',
  path: '/api/v1/hold-rules/{id}/withdraw-removal',
  summary: 'Takes back that one has asked for the end of a rule.',
  permission: 'holds:manage',
  params: uuidId,
  revision: 'holdRule',
  answer: nothing,
  example: { params: exampleId },
})

export const openBypass = endpoint({
  method: 'POST',
  path: '/api/v1/hold-rules/{id}/bypass',
  summary:
    'Lets calls through that a rule would hold, for eight hours at most, and no more in all of one person within a day; announced, and recorded with each of them.',
  permission: 'holds:bypass',
  params: uuidId,
  body: openHoldBypassInput.omit({ ruleId: true }),
  status: 201,
  revision: 'holdRule',
  answer: json(z.strictObject({ bypassId: text, expiresAt: time })),
  example: { params: exampleId, body: { minutes: 60, reason: 'Everybody who decides is at the data centre.' } },
})

export const listBypasses = endpoint({
  method: 'GET',
  path: '/api/v1/hold-bypasses',
  summary: 'Bypasses of rules that hold calls, newest first, with how many calls they let through.',
  permission: 'runs:read',
  query: pageQuery.extend({ state: z.enum(holdBypassStates).default('in_force') }),
  answer: json(pagedOf(holdBypass)),
})

export const showBypass = endpoint({
  method: 'GET',
  path: '/api/v1/hold-bypasses/{id}',
  summary: 'One bypass, with how many calls it let through.',
  permission: 'runs:read',
  params: uuidId,
  revision: 'holdBypass',
  answer: json(holdBypass),
  example: { params: exampleId },
})

export const endBypass = endpoint({
  method: 'POST',
  path: '/api/v1/hold-bypasses/{id}/end',
  summary: 'Ends a bypass: its rule holds calls again.',
  permission: 'holds:bypass',
  params: uuidId,
  revision: 'holdBypass',
  answer: json(z.strictObject({ ended: z.boolean() })),
  example: { params: exampleId },
})

export const insight = endpoint({
  method: 'GET',
  path: '/api/v1/approvals/insight',
  summary:
    'How much is held, how fast and how people decide, by rule and by person, and which rules that speaks for changing.',
  permission: 'audit:read',
  query: holdInsightQuery,
  answer: json(holdInsight),
  example: { query: { days: '30' } },
})

export const forecast = endpoint({
  method: 'GET',
  path: '/api/v1/hold-rules/forecast',
  summary:
    'What a rule would have held of the calls of the last seven days; conditions on arguments can only make it fewer.',
  permission: 'runs:read',
  query: holdForecastQuery,
  answer: json(holdForecast),
  example: { query: { class: 'write', environment: 'production' } },
})
