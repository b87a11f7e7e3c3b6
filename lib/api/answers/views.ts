import { z } from 'zod'
import { type CatalogViewRow, viewState } from '#lib/registry/schema/views.ts'
import { answerOf, reference, text, time } from './words.ts'

export const catalogView = answerOf<CatalogViewRow>()(
  z.strictObject({
    id: text,
    name: text,
    shared: z.boolean(),
    owner: reference,
    own: z.boolean(),
    defaultFor: z.array(text),
    savedAt: time,
    state: viewState,
  }),
).meta({ id: 'CatalogView' })
