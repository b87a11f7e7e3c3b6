import { z } from 'zod'
import { scopeRequestStates } from '#lib/scopes/schema.ts'
import { reachChanges, type RequestContext, signalTones, signalTopics } from '#lib/scopes/schema/context.ts'
import { answerOf, count, dataClass, micros, text, time, toolClass } from './words.ts'
import { usage } from './usage.ts'

const sums = z.strictObject({
  runs: count,
  escalatedRuns: count,
  toolCalls: count,
  deniedCalls: count,
  costMicros: micros,
  unpricedRequests: count,
})

/** What an approver is shown about a request. */
export const requestContext = answerOf<RequestContext>()(
  z.strictObject({
    days: count,
    blastRadius: text,
    signals: z.array(z.strictObject({ about: z.enum(signalTopics), tone: z.enum(signalTones), text })),
    tools: z.array(
      z.strictObject({
        name: text,
        class: toolClass,
        description: text,
        change: z.enum(reachChanges),
        before: z.array(text),
        after: text,
      }),
    ),
    elsewhere: z.strictObject({ servers: count, tools: count }),
    firsts: z.array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('environment'), value: text }),
        z.strictObject({ kind: z.literal('sensitivity'), value: text }),
        z.strictObject({ kind: z.literal('class'), value: toolClass }),
        z.strictObject({ kind: z.literal('data_class'), value: dataClass }),
      ]),
    ),
    denials: z.strictObject({
      count,
      lastAt: time.nullable(),
      rules: z.array(z.strictObject({ rule: text, count })),
    }),
    earlier: z.strictObject({
      total: count,
      items: z.array(
        z.strictObject({
          id: text,
          class: toolClass,
          toolNames: z.array(text),
          state: z.enum(scopeRequestStates),
          requestedBy: text,
          createdAt: time,
          decidedBy: text.nullable(),
          decidedAt: time.nullable(),
          note: text.nullable(),
        }),
      ),
    }),
    peers: z.strictObject({
      using: count,
      items: z.array(
        z.strictObject({
          id: text,
          name: text,
          calls: count,
          lastUsedAt: time.nullable(),
          limits: z.array(text),
          expiresAt: time.nullable(),
        }),
      ),
    }),
    usage: z.array(usage),
    review: z.strictObject({ lastAt: time.nullable(), nextAt: time.nullable(), overdue: z.boolean() }),
    trend: z.strictObject({ now: sums, before: sums }),
    prompt: z.strictObject({ version: count, currentVersion: count, text, changes: z.array(text).nullable() }),
    stops: z.array(z.strictObject({ target: text, reason: text, by: text, at: time })),
    openEscalations: count,
    granted: z
      .strictObject({
        grantIds: z.array(text),
        differences: z.array(
          z.strictObject({
            field: z.enum(['class', 'tools', 'days', 'conditions', 'rate']),
            asked: text,
            granted: text,
          }),
        ),
      })
      .nullable(),
  }),
)
