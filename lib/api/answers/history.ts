import { z } from 'zod'
import type { AgentDiff, AgentListDiff, AgentMoment } from '#lib/registry/schema/history.ts'
import { toolClasses } from '#lib/registry/schema.ts'
import { answerOf, count, reference, text, time } from './words.ts'

const policySet = z.strictObject({ number: count, known: z.boolean() }).nullable()
const moment = z.strictObject({ at: time, began: time, auditSeq: text, policySet })
const field = z.strictObject({ field: text, before: z.unknown(), after: z.unknown() })
const fields = z.array(field)
const reachPart = z.strictObject({ serverId: text, class: z.enum(toolClasses) })

export const agentDiff = answerOf<AgentDiff>()(
  z.strictObject({
    agentId: text,
    name: text,
    from: moment,
    to: moment,
    presence: z.enum(['appeared', 'left']).nullable(),
    fields,
    grants: z.array(
      z.strictObject({
        change: z.enum(['added', 'removed', 'changed']),
        grantId: text,
        serverId: text,
        class: text,
        toolName: text.nullable(),
        fields,
      }),
    ),
  }),
).meta({ id: 'AgentDiff' })

export const agentListDiff = answerOf<AgentListDiff>()(
  z.strictObject({
    from: moment,
    to: moment,
    total: z.strictObject({ from: count, to: count }),
    appeared: z.array(reference),
    left: z.array(reference),
    changed: z.array(reference.extend({ fields })),
    reach: z.array(reference.extend({ gained: z.array(reachPart), lost: z.array(reachPart) })).nullable(),
    more: z.strictObject({ appeared: count, left: count, changed: count, reach: count }),
  }),
).meta({ id: 'AgentListDiff' })

export const agentMoment = answerOf<AgentMoment>()(
  z.strictObject({ at: time, auditSeq: text, entry: z.boolean(), grants: z.boolean() }),
).meta({ id: 'AgentMoment' })
