import { z } from 'zod'
import {
  decideScopeRequestInput,
  grantListQuery,
  requestScopeInput,
  reviseScopeRequestInput,
  revokeGrantInput,
  scopeRequestListQuery,
} from '#lib/scopes/schema.ts'
import { createApprovalRuleInput, removeApprovalRuleInput } from '#lib/scopes/schema/approval-policy.ts'
import { asOfQuery } from '#lib/registry/schema/history.ts'
import {
  approvalRule,
  askedClass,
  grant,
  scopeDecision,
  scopeRequest,
  scopeRequestList,
  waitingRequestList,
} from '../answers/scopes.ts'
import { count, text } from '../answers/words.ts'
import { pagedOf, pageQuery } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, flag, uuidId } from './params.ts'

const [approval, rejection, sendingBack] = decideScopeRequestInput.options

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/scope-requests',
  summary: 'Scope requests: the pending ones oldest first, others newest first.',
  permission: 'requests:read',
  query: scopeRequestListQuery,
  answer: json(scopeRequestList),
  example: { query: { state: 'pending' } },
})

export const waiting = endpoint({
  method: 'GET',
  path: '/api/v1/scope-requests/waiting',
  summary: 'The requests that wait for you, oldest first: also those passed on to you, and for whom you stand in.',
  permission: 'requests:read',
  query: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50) }),
  answer: json(waitingRequestList),
})

export const request = endpoint({
  method: 'POST',
  path: '/api/v1/scope-requests',
  summary: 'Asks for a scope for an agent; of tools that are named for no wider class than they need (says).',
  permission: 'scopes:request',
  body: requestScopeInput,
  status: 201,
  answer: json(z.strictObject({ requestId: text, grantIds: z.array(text), ...askedClass })),
  example: {
    body: {
      agentId: 'invoice-reconciler-7',
      serverId: 'erp',
      class: 'write',
      days: 30,
      conditions: [{ pointer: '/amount', range: { max: 1000 } }],
      rate: { calls: 20, per: 'hour' },
      reason: 'Post corrections that a person has confirmed.',
    },
  },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/scope-requests/{id}',
  summary: 'One request with what it takes to decide it: what is held, what it would reach, peers, past denials.',
  permission: 'requests:read',
  params: uuidId,
  revision: 'scopeRequest',
  answer: json(scopeRequest),
  example: { params: exampleId },
})

export const decide = endpoint({
  method: 'POST',
  path: '/api/v1/scope-requests/{id}/decide',
  summary:
    'Approves a request, for as long as was asked or shorter and as it was asked or narrower, rejects it, or sends it back for changes.',
  permission: 'scopes:approve',
  orPermissions: ['scopes:countersign'],
  params: uuidId,
  body: z.discriminatedUnion('decision', [
    approval.omit({ requestId: true }),
    rejection.omit({ requestId: true }),
    sendingBack.omit({ requestId: true }),
  ]),
  revision: 'scopeRequest',
  answer: json(scopeDecision),
  example: { params: exampleId, body: { decision: 'approve', days: 7 } },
})

export const revise = endpoint({
  method: 'PATCH',
  path: '/api/v1/scope-requests/{id}',
  summary: 'Changes a request of your own until it is decided; approvals given so far count no more.',
  permission: 'scopes:request',
  params: uuidId,
  revision: 'scopeRequest',
  body: reviseScopeRequestInput.omit({ requestId: true }),
  answer: json(z.strictObject({ revision: count, ...askedClass })),
  example: { params: exampleId, body: { class: 'read', days: 7 } },
})

export const withdraw = endpoint({
  method: 'POST',
  path: '/api/v1/scope-requests/{id}/withdraw',
  summary: 'Takes back a request of your own while it is pending.',
  permission: 'scopes:request',
  params: uuidId,
  revision: 'scopeRequest',
  answer: nothing,
  example: { params: exampleId },
})

export const listApprovalRules = endpoint({
  method: 'GET',
  path: '/api/v1/approval-rules',
  summary: 'The approval policy: who approves which scope, in the order in which its rules are asked.',
  permission: 'requests:read',
  query: pageQuery,
  answer: json(pagedOf(approvalRule)),
})

export const showApprovalRule = endpoint({
  method: 'GET',
  path: '/api/v1/approval-rules/{id}',
  summary: 'One rule of the approval policy that holds or waits for a second person.',
  permission: 'requests:read',
  params: uuidId,
  revision: 'approvalRule',
  answer: json(approvalRule),
  example: { params: exampleId },
})

export const createApprovalRule = endpoint({
  method: 'POST',
  path: '/api/v1/approval-rules',
  summary:
    'Adds a rule to the approval policy: one or two people by their roles, or nobody for what is harmless. What makes approval easier waits for a second person.',
  permission: 'approvals:manage',
  body: createApprovalRuleInput,
  status: 201,
  answer: json(z.strictObject({ ruleId: text, waits: z.boolean() })),
  example: {
    body: {
      title: 'Writing on production',
      position: 10,
      environments: ['production'],
      classes: ['write', 'destructive'],
      steps: [['security'], ['platform_admin', 'finance']],
      inOrder: true,
      daysMax: 90,
      dueHours: 8,
      remindPercent: 75,
    },
  },
})

export const confirmApprovalRule = endpoint({
  method: 'POST',
  path: '/api/v1/approval-rules/{id}/confirm',
  summary: 'Lets a rule of the approval policy hold that somebody else has proposed.',
  permission: 'approvals:manage',
  params: uuidId,
  revision: 'approvalRule',
  answer: nothing,
  example: { params: exampleId },
})

export const removeApprovalRule = endpoint({
  method: 'POST',
  path: '/api/v1/approval-rules/{id}/remove',
  summary:
    'Ends a rule of the approval policy; where that makes approval easier, a second person does. What waits is decided by the rule that fits then.',
  permission: 'approvals:manage',
  params: uuidId,
  body: removeApprovalRuleInput.omit({ ruleId: true }),
  revision: 'approvalRule',
  answer: json(z.strictObject({ removed: z.boolean(), waits: z.boolean() })),
  example: { params: exampleId, body: { reason: 'Finance is not asked any more.' } },
})

export const withdrawApprovalRuleEnd = endpoint({
  method: 'POST',
  path: '/api/v1/approval-rules/{id}/withdraw-removal',
  summary: 'Takes back that one has asked for the end of a rule of the approval policy.',
  permission: 'approvals:manage',
  params: uuidId,
  revision: 'approvalRule',
  answer: nothing,
  example: { params: exampleId },
})

export const listGrants = endpoint({
  method: 'GET',
  path: '/api/v1/grants',
  summary: 'Grants of an agent or on a server; with history also those that ended.',
  permission: 'agents:read',
  query: pageQuery.extend({ ...grantListQuery.shape, history: flag.default(false) }),
  answer: json(pagedOf(grant)),
  example: { query: { agentId: 'invoice-reconciler-7' } },
})

export const showGrant = endpoint({
  method: 'GET',
  path: '/api/v1/grants/{id}',
  summary: 'One grant, also one that ended: now, or as it was.',
  permission: 'agents:read',
  params: uuidId,
  query: asOfQuery,
  revision: 'grant',
  answer: json(grant),
  example: { params: exampleId, query: { asOf: '2026-11-25T10:00:00Z' } },
})

export const revokeGrant = endpoint({
  method: 'POST',
  path: '/api/v1/grants/{id}/revoke',
  summary: 'Ends a grant; brokers refuse within a second, and everything while they cannot read the registry.',
  permission: 'grants:revoke',
  orPermissions: ['scopes:request'],
  params: uuidId,
  body: revokeGrantInput.omit({ grantId: true }),
  revision: 'grant',
  answer: nothing,
  example: { params: exampleId, body: { reason: 'It was never used.' } },
})
