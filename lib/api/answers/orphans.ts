import { z } from 'zod'
import type { OrphanList, OrphanView } from '#lib/lifecycle/schema.ts'
import { agentStatuses, tiers } from '#lib/registry/schema/words.ts'
import { answerOf, count, reference, text, time } from './words.ts'

const orphan = answerOf<OrphanView>()(
  z.strictObject({
    agent: z.strictObject({ id: text, name: text, tier: z.enum(tiers), status: z.enum(agentStatuses) }),
    owner: reference,
    person: reference,
    because: text,
    since: time,
    suspendAt: time.nullable(),
    suspendedAt: time.nullable(),
  }),
).meta({ id: 'Orphan' })

export const orphanList = answerOf<OrphanList>()(
  z.strictObject({ items: z.array(orphan), total: count, nextCursor: text.nullable() }),
)
