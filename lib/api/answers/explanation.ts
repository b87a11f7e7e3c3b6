import { z } from 'zod'
import { roles } from '#lib/auth/permissions.ts'
import {
  callSteps,
  type DecisionExplanation,
  explainedOutcomes,
  limitPeriods,
  limitUnits,
  otherSteps,
  rateBases,
  type SimulationView,
  stepOutcomes,
} from '#lib/guardrails/schema/explanation.ts'
import { answerOf, count, reference, text, time } from './words.ts'

const outcome = z.enum(explainedOutcomes)
const step = z.enum([...callSteps, ...otherSteps])

const explanationShape = {
  decision: text.nullable(),
  seq: text.nullable(),
  event: text.nullable(),
  at: time,
  outcome,
  rule: text.nullable(),
  title: text,
  meaning: text,
  message: text.nullable(),
  about: z.strictObject({
    agent: reference.nullable(),
    server: reference.nullable(),
    tool: text.nullable(),
    class: text.nullable(),
    runId: text.nullable(),
    actor: z.strictObject({ kind: text, name: text }).nullable(),
  }),
  step: step.nullable(),
  steps: z.array(z.strictObject({ id: step, title: text, outcome: z.enum(stepOutcomes), note: text.nullable() })),
  facts: z.record(text, z.union([text, z.number(), z.boolean(), z.null()])),
  usage: z
    .strictObject({
      used: z.number(),
      limit: z.number(),
      unit: z.enum(limitUnits),
      per: z.enum(limitPeriods).nullable(),
      freeAt: time.nullable(),
    })
    .nullable(),
  setBy: z
    .strictObject({
      text,
      by: z.strictObject({ kind: text, id: text.nullable(), name: text }).nullable(),
      at: time.nullable(),
      reason: text.nullable(),
    })
    .nullable(),
  changedBy: z
    .strictObject({ roles: z.array(z.enum(roles)), how: text, people: z.array(reference), others: count })
    .nullable(),
  remedy: text.nullable(),
  next: z.array(z.strictObject({ label: text, link: text })),
}

export const simulation = answerOf<SimulationView>()(
  z.strictObject({
    ...explanationShape,
    policyVersion: text,
    grant: z
      .strictObject({
        id: text,
        class: text,
        toolName: text.nullable(),
        via: text,
        expiresAt: time.nullable(),
      })
      .nullable(),
    hold: z
      .strictObject({
        ruleId: text,
        title: text,
        deciderRoles: z.array(text),
        decideSeconds: count,
        onTimeout: text,
      })
      .nullable(),
    rates: z.array(
      z.strictObject({
        step: z.enum(['agent_rate', 'rates']),
        what: text,
        used: count,
        limit: count,
        per: z.enum(['second', 'minute', 'hour']),
        atOnce: count.nullable(),
        basis: z.enum(rateBases),
        note: text,
      }),
    ),
  }),
).meta({ id: 'Simulation' })

export const decisionExplanation = answerOf<DecisionExplanation>()(
  z.strictObject({
    ...explanationShape,
    demo: z.boolean().describe('Of the demo history: the decision was made, and nobody made the call.'),
    now: z
      .strictObject({
        at: time,
        outcome,
        rule: text.nullable(),
        title: text,
        message: text.nullable(),
        differs: z.boolean(),
        because: z.array(z.strictObject({ at: time, event: text, text })),
      })
      .nullable(),
  }),
).meta({ id: 'Explanation' })
