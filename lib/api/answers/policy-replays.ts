import { z } from 'zod'
import {
  differenceKinds,
  type PolicyReplayReport,
  type PolicyReplayView,
  type ReplayedCalls,
  replayStates,
} from '#lib/guardrails/schema/replays.ts'
import { answerOf, count, rate, text, time } from './words.ts'

const some = z.strictObject({ calls: count, agents: count })

const figures = z.strictObject({
  calls: count.meta({ description: 'Decisions on record: judged + unjudged + untouched' }),
  judged: count,
  unjudged: count.meta({ description: 'Recorded without what the policies were asked' }),
  unjudgedUntil: time.nullable(),
  untouched: count.meta({ description: 'Refused for another reason than the policies' }),
  strangers: count.meta({ description: 'Requests of callers that are no agent' }),
  blocked: some,
  permitted: some,
  otherRule: count,
  against: z.array(z.strictObject({ version: text, calls: count })),
  unreproduced: count.meta({ description: 'Decided otherwise by this very text: 0, unless something is wrong' }),
  situations: count,
  leftOut: z
    .strictObject({ differences: count, calls: count })
    .meta({ description: 'Counted in blocked and permitted, and in no list: more differs than a report keeps' }),
})

const view = {
  id: text,
  set: z.strictObject({
    number: z.int().nullable().meta({ description: 'null: a text that is not saved' }),
    version: text,
  }),
  outdated: z.boolean().meta({ description: 'The set has another text by now' }),
  from: time,
  to: time,
  state: z.enum(replayStates),
  progress: rate,
  figures: figures.nullable(),
  says: z.array(text).meta({ description: 'The figures in sentences' }),
  error: text.nullable(),
  requestedBy: text,
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
}

const differs = { blocked: count, permitted: count }

export const policyReplay = answerOf<PolicyReplayView>()(z.strictObject(view))

export const policyReplayReport = answerOf<PolicyReplayReport>()(
  z.strictObject({
    ...view,
    against: z.array(z.strictObject({ version: text, number: z.int().nullable(), calls: count })),
    byAgent: z.array(z.strictObject({ agentId: text, name: text.nullable(), ...differs })),
    byTool: z.array(z.strictObject({ serverId: text, tool: text, ...differs })),
    byPolicy: z.array(z.strictObject({ rule: text, title: text, ...differs })),
  }),
)

export const replayedCalls = answerOf<ReplayedCalls>()(
  z.strictObject({
    items: z.array(
      z.strictObject({
        id: text.meta({ description: 'Of the decision: `GET /decisions/{id}` explains it' }),
        seq: text,
        at: time,
        agentId: text,
        serverId: text,
        tool: text,
        runId: text.nullable(),
        decision: z.enum(['allow', 'deny']),
        rule: text.meta({ description: `The policy that would refuse it (${differenceKinds[0]}), or that did` }),
      }),
    ),
    nextCursor: text.nullable(),
  }),
)
