import { z } from 'zod'
import {
  escalationKinds,
  type EscalationPage,
  type EscalationView,
  type RunEventView,
  type RunPage,
  type RunRow,
  runStates,
  runTriggers,
  type RunView,
} from '#lib/harness/schema.ts'
import { answerOf, count, facts, micros, reference, text, time } from './words.ts'

const runShape = {
  id: text,
  agentId: text,
  agentName: text,
  agentVersion: z.int(),
  trigger: z.enum(runTriggers),
  state: z.enum(runStates),
  rule: text.nullable(),
  simulated: z.boolean(),
  demo: z.boolean(),
  requestedBy: reference.nullable(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  stopReason: text.nullable(),
  summary: text.nullable(),
  costMicros: micros.nullable(),
  callCostMicros: micros,
  turns: count,
  toolCalls: count,
  deniedCalls: count,
  escalationCount: count,
}
const runRow = answerOf<RunRow>()(z.strictObject(runShape)).meta({ id: 'RunRow' })

export const runPage = answerOf<RunPage>()(
  z.strictObject({ items: z.array(runRow), total: count, nextCursor: text.nullable() }),
)

export const escalation = answerOf<EscalationView>()(
  z.strictObject({
    id: text,
    runId: text,
    agentId: text,
    agentName: text,
    kind: z.enum(escalationKinds),
    title: text,
    detail: facts,
    createdAt: time,
    resolvedAt: time.nullable(),
    resolvedBy: reference.nullable(),
  }),
).meta({ id: 'Escalation' })

export const escalationPage = answerOf<EscalationPage>()(
  z.strictObject({ items: z.array(escalation), total: count, nextCursor: text.nullable() }),
)

export const run = answerOf<RunView>()(
  z.strictObject({
    ...runShape,
    teamId: text,
    teamName: text,
    input: text,
    error: text.nullable(),
    model: text.nullable(),
    tokens: z.strictObject({ input: count, output: count, cacheRead: count, cacheWrite: count }),
    decisionId: text.nullable(),
    listCostMicros: micros.nullable(),
    activeMs: count,
    claudeSessionId: text.nullable(),
    escalations: z.array(escalation),
  }),
).meta({ id: 'Run' })

const line = { seq: z.int(), at: time }
const truncated = z.boolean().optional()

export const runEvent = answerOf<RunEventView>()(
  z.discriminatedUnion('kind', [
    z.strictObject({
      ...line,
      kind: z.literal('message'),
      payload: z.strictObject({ role: z.enum(['user', 'agent', 'system']), text, truncated }),
    }),
    z.strictObject({ ...line, kind: z.literal('thinking'), payload: z.record(text, z.never()) }),
    z.strictObject({
      ...line,
      kind: z.literal('tool_call'),
      payload: z.strictObject({
        callId: text,
        source: z.enum(['sandbox', 'mcp', 'custom']),
        name: text,
        serverId: text.optional(),
        input: z.unknown(),
        truncated,
      }),
    }),
    z.strictObject({
      ...line,
      kind: z.literal('tool_result'),
      payload: z.strictObject({ callId: text, isError: z.boolean(), text, truncated, rule: text.optional() }),
    }),
    z.strictObject({
      ...line,
      kind: z.literal('escalation'),
      payload: z.strictObject({ escalationId: text, kind: z.enum(escalationKinds), title: text }),
    }),
    z.strictObject({
      ...line,
      kind: z.literal('decision'),
      payload: z.strictObject({
        callId: text,
        decision: z.enum(['allow', 'deny']),
        rule: text,
        message: text,
        decisionId: text.optional(),
      }),
    }),
    z.strictObject({
      ...line,
      kind: z.literal('usage'),
      payload: z.strictObject({
        model: text,
        inputTokens: count,
        outputTokens: count,
        cacheReadTokens: count,
        cacheWriteTokens: count,
        costMicros: micros.nullable(),
      }),
    }),
    z.strictObject({
      ...line,
      kind: z.literal('status'),
      payload: z.strictObject({ status: text, stopReason: text.optional(), rule: text.optional() }),
    }),
    z.strictObject({
      ...line,
      kind: z.literal('error'),
      payload: z.strictObject({ message: text, retry: text.optional() }),
    }),
    z.strictObject({ ...line, kind: z.literal('note'), payload: z.strictObject({ text }) }),
  ]),
).meta({ id: 'RunEvent' })
