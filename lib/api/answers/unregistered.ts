import { z } from 'zod'
import {
  type ImportOutcome,
  type UnregisteredList,
  type UnregisteredRow,
  unregisteredSources,
  unregisteredStates,
} from '#lib/registry/schema/unregistered.ts'
import { answerOf, count, text, time } from './words.ts'

const row = answerOf<UnregisteredRow>()(
  z.strictObject({
    id: text,
    source: z.enum(unregisteredSources),
    key: text.meta({ description: 'What makes it the same one within its source' }),
    name: text,
    verified: z.boolean().meta({ description: 'false: only what a caller claims' }),
    detail: z.record(text, text),
    firstSeenAt: time,
    lastSeenAt: time,
    count,
    state: z.enum(unregisteredStates),
    reason: text.nullable(),
    decidedAt: time.nullable(),
    decidedByName: text.nullable(),
    agentId: text.nullable(),
  }),
)

export const unregisteredList = answerOf<UnregisteredList>()(
  z.strictObject({ items: z.array(row), total: count, nextCursor: text.nullable() }),
)

export const importOutcome = answerOf<ImportOutcome>()(z.strictObject({ rows: count, added: count, seenAgain: count }))
