import { z } from 'zod'
import {
  excludedDeciders,
  type HeldCallList,
  heldCallSources,
  heldCallStates,
  type HeldCallView,
  type HoldRuleView,
  timeoutActions,
} from '#lib/guardrails/schema/held-calls.ts'
import type { HoldBypassView } from '#lib/guardrails/schema/hold-bypasses.ts'
import { argumentConditions } from '#lib/registry/schema/conditions.ts'
import {
  answerOf,
  count,
  dataClass,
  decidable,
  endAsked,
  environment,
  facts,
  person,
  reference,
  sensitivity,
  standIn,
  text,
  time,
  toolClass,
} from './words.ts'

export const heldCall = answerOf<HeldCallView>()(
  z.strictObject({
    id: text,
    source: z.enum(heldCallSources),
    state: z.enum(heldCallStates),
    agent: z.strictObject({ id: text, name: text, purpose: text, version: z.int(), owner: reference }),
    runId: text.nullable(),
    session: text.nullable(),
    server: z
      .strictObject({ id: text, name: text, environment, sensitivity, dataClasses: z.array(dataClass) })
      .nullable(),
    tool: text,
    description: text.nullable(),
    class: toolClass.nullable(),
    arguments: facts.nullable(),
    inputResponses: facts.nullable(),
    editedArguments: facts.nullable(),
    withheld: z
      .strictObject({
        argumentNames: z.array(text),
        inputResponseNames: z.array(text).nullable(),
        editedArgumentNames: z.array(text).nullable(),
        message: text,
      })
      .nullable(),
    rule: z.strictObject({ id: text.nullable(), title: text }),
    deciderRoles: z.array(text),
    excludedDeciders: z.array(z.enum(excludedDeciders)),
    onTimeout: z.enum(timeoutActions),
    createdAt: time,
    expiresAt: time,
    attended: z.boolean(),
    decidedBy: person.nullable(),
    decidedFor: person.nullable(),
    standIns: z.array(standIn),
    decidedAt: time.nullable(),
    note: text.nullable(),
    settledAt: time.nullable(),
    decidable,
  }),
).meta({ id: 'HeldCall' })

export const heldCallList = answerOf<HeldCallList>()(
  z.strictObject({ items: z.array(heldCall), total: count, waiting: count, nextCursor: text.nullable(), now: time }),
)

export const holdRule = answerOf<HoldRuleView>()(
  z.strictObject({
    id: text,
    title: text,
    serverId: text.nullable(),
    toolName: text.nullable(),
    class: toolClass.nullable(),
    environment: environment.nullable(),
    conditions: argumentConditions.readonly(),
    deciderRoles: z.array(text).readonly(),
    excludedDeciders: z.array(z.enum(excludedDeciders)).readonly(),
    decideSeconds: z.int(),
    onTimeout: z.enum(timeoutActions),
    position: z.int(),
    createdBy: person.nullable(),
    createdAt: time,
    endAsked,
    removedAt: time.nullable(),
  }),
).meta({ id: 'HoldRule' })

export const holdBypass = answerOf<HoldBypassView>()(
  z.strictObject({
    id: text,
    rule: z.strictObject({ id: text, title: text }),
    agent: reference.nullable(),
    reason: text,
    openedBy: person,
    openedAt: time,
    expiresAt: time,
    endedAt: time.nullable(),
    endedBy: person.nullable(),
    inForce: z.boolean(),
    calls: count.nullable(),
  }),
).meta({ id: 'HoldBypass' })
