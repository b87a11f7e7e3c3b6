import { z } from 'zod'
import {
  type FoundDefinition,
  type ImportOutcome,
  type UnregisteredList,
  type UnregisteredRow,
  type UnregisteredView,
  type VersionOrigin,
  unregisteredSources,
  unregisteredStates,
} from '#lib/registry/schema/unregistered.ts'
import { answerOf, count, text, time } from './words.ts'

export const foundDefinition = answerOf<FoundDefinition>()(
  z.strictObject({
    description: text,
    model: text,
    system: text,
    tools: z.array(text),
    mcpServers: z.array(z.strictObject({ name: text, url: text })),
    skills: z.array(text),
  }),
)

export const versionOrigin = answerOf<VersionOrigin>()(
  z.strictObject({
    source: z.enum(unregisteredSources),
    key: text,
    name: text,
    claudeVersion: z.int().nullable(),
    seenAt: time,
    definition: foundDefinition.nullable(),
  }),
)

const rowShape = {
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
}
const row = answerOf<UnregisteredRow>()(z.strictObject(rowShape))

export const unregistered = answerOf<UnregisteredView>()(
  z.strictObject({ ...rowShape, definition: foundDefinition.nullable() }),
)

export const unregisteredList = answerOf<UnregisteredList>()(
  z.strictObject({ items: z.array(row), total: count, nextCursor: text.nullable() }),
)

export const importOutcome = answerOf<ImportOutcome>()(z.strictObject({ rows: count, added: count, seenAgain: count }))
