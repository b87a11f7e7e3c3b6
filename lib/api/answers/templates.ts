import { z } from 'zod'
import {
  templateEvals,
  templateManifest,
  type TemplateRow,
  templateScope,
  type TemplateView,
} from '#lib/templates/schema.ts'
import { answerOf, count, text, time } from './words.ts'

export const templateRow = answerOf<TemplateRow>()(
  z.strictObject({
    id: text,
    name: text,
    summary: text,
    version: text,
    publishedAt: time,
    model: templateManifest.shape.model,
    scopes: z.array(templateScope),
    suggestedSchedule: text.nullable(),
    agents: count,
    agentsBehind: count,
  }),
).meta({ id: 'TemplateRow' })

export const template = answerOf<TemplateView>()(
  z.strictObject({
    id: text,
    version: text,
    digest: text,
    publishedAt: time,
    manifest: templateManifest,
    prompt: text,
    changelog: text,
    evals: templateEvals,
    versions: z.array(z.strictObject({ version: text, digest: text, publishedAt: time, agents: count })),
  }),
).meta({ id: 'Template' })
