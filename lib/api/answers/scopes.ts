import { z } from 'zod'
import { type ApprovalRuleView, approverRoles, createApprovalRuleInput } from '#lib/scopes/schema/approval-policy.ts'
import {
  type DecisionOutcome,
  type GrantView,
  type ScopeRequestList,
  type ScopeRequestRow,
  scopeRequestStates,
  type ScopeRequestView,
} from '#lib/scopes/schema.ts'
import type { WaitingRequestList } from '#lib/scopes/schema/waiting.ts'
import { argumentConditions, callRate } from '#lib/registry/schema/conditions.ts'
import { requestContext } from './request-context.ts'
import { accessGrant, accessGrantShape, agentStatus, tier } from './agents.ts'
import {
  endAsked,
  answerOf,
  count,
  dataClass,
  decidable,
  environment,
  person,
  reference,
  sensitivity,
  standIn,
  text,
  time,
  toolClass,
} from './words.ts'

const requestShape = {
  id: text,
  agent: z.strictObject({ id: text, name: text, owner: reference, tier, status: agentStatus }),
  server: z.strictObject({ id: text, name: text, environment, sensitivity, dataClasses: z.array(dataClass) }),
  class: toolClass,
  toolNames: z.array(text),
  reason: text,
  days: z.int().nullable(),
  conditions: argumentConditions,
  rate: callRate.nullable(),
  state: z.enum(scopeRequestStates),
  requestedBy: person,
  createdAt: time,
  decidedBy: person.nullable(),
  decidedFor: person.nullable(),
  decidedAt: time.nullable(),
  decisionNote: text.nullable(),
  ticket: text.nullable(),
  dueAt: time.nullable(),
  remindAt: time.nullable(),
  remindedAt: time.nullable(),
  escalations: count,
  revision: count,
}
const scopeRequestRow = answerOf<ScopeRequestRow>()(z.strictObject(requestShape)).meta({ id: 'ScopeRequestRow' })

export const scopeRequestList = answerOf<ScopeRequestList>()(
  z.strictObject({ items: z.array(scopeRequestRow), total: count, nextCursor: text.nullable() }),
)

export const waitingRequestList = answerOf<WaitingRequestList>()(
  z.strictObject({
    items: z.array(z.strictObject({ ...requestShape, standIns: z.array(standIn) })),
    total: count,
    more: z.boolean(),
  }),
)

export const askedClass = { class: toolClass, says: text.nullable() }

export const scopeRequest = answerOf<ScopeRequestView>()(
  z.strictObject({
    ...requestShape,
    holds: z.array(accessGrant),
    reaches: z.array(z.strictObject({ name: text, class: toolClass, description: text })),
    peers: z.strictObject({ templateId: text, total: count, holding: count, examples: z.array(reference) }),
    denials30d: count,
    context: requestContext,
    policy: z.strictObject({
      title: text,
      ruleId: text.nullable(),
      daysMax: z.int().nullable(),
      says: text.nullable(),
      steps: z.array(
        z.strictObject({
          number: count,
          roles: z.array(z.enum(approverRoles)),
          approved: z.strictObject({ by: person, for: person.nullable(), at: time, note: text.nullable() }).nullable(),
          open: z.boolean(),
        }),
      ),
      left: z.strictObject({
        class: toolClass,
        toolNames: z.array(text),
        days: z.int().nullable(),
        conditions: argumentConditions,
        rate: callRate.nullable(),
      }),
    }),
    decidable,
    standIns: z.array(standIn),
    history: z.array(z.strictObject({ at: time, event: text, by: text.nullable(), says: text })),
  }),
).meta({ id: 'ScopeRequest' })

export const scopeDecision = answerOf<DecisionOutcome>()(
  z.strictObject({ grantIds: z.array(text), expiresAt: time.nullable(), waitsFor: z.array(z.array(text)) }),
)

export const approvalRule = answerOf<ApprovalRuleView>()(
  z.strictObject({
    ...createApprovalRuleInput.shape,
    environments: z.array(environment),
    classes: z.array(toolClass),
    sensitivities: z.array(sensitivity),
    tiers: z.array(tier),
    dataClasses: z.array(dataClass),
    steps: z.array(z.array(z.enum(approverRoles))),
    inOrder: z.boolean(),
    daysMax: z.int().nullable(),
    dueHours: z.int(),
    remindPercent: z.int(),
    escalation: createApprovalRuleInput.shape.escalation.unwrap(),
    id: text.nullable(),
    position: z.int(),
    createdBy: person.nullable(),
    createdAt: time.nullable(),
    inForce: z.boolean(),
    endAsked,
  }),
).meta({ id: 'ApprovalRule' })

export const grant = answerOf<GrantView>()(
  z.strictObject({
    ...accessGrantShape,
    agent: z.strictObject({ id: text, name: text, status: agentStatus }),
    owner: reference,
    state: z.enum(['in_force', 'expired', 'revoked']),
    revokedAt: time.nullable(),
  }),
).meta({ id: 'Grant' })
