import { z } from 'zod'
import type { TemplateDrift } from '#lib/lifecycle/schema/drift.ts'
import { drifts } from '#lib/registry/schema/drift.ts'
import { answerOf, reference, text, time } from './words.ts'

export const templateDrift = answerOf<TemplateDrift>()(
  z.strictObject({
    agentId: text,
    template: reference,
    current: text,
    newest: text,
    behind: z.enum(drifts),
    versions: z.array(z.strictObject({ version: text, publishedAt: time, changes: text })),
    diff: z.array(text).nullable(),
    problem: text.nullable(),
  }),
).meta({ id: 'TemplateDrift' })
