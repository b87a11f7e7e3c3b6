import { z } from 'zod'
import type { ToolVerdict } from '#lib/registry/rules/tool-change.ts'
import { findingKinds, type ToolFinding } from '#lib/registry/rules/tool-findings.ts'
import type { ToolDetail, ToolHistoryEntry, ToolReview, ToolView } from '#lib/registry/schema/tools.ts'
import { toolStates } from '#lib/registry/schema/words.ts'
import { answerOf, facts, reference, text, time, toolClass } from './words.ts'

const verdicts = ['new', 'unchanged', 'wording', 'narrower', 'suspended'] as const satisfies readonly ToolVerdict[]
export const toolVerdict = z.enum(verdicts)
const toolState = z.enum(toolStates)

export const toolFinding = answerOf<ToolFinding>()(
  z.strictObject({
    kind: z.enum(findingKinds),
    weight: z.enum(['suspends', 'flags', 'recorded']),
    path: text,
    note: text,
  }),
).meta({ id: 'ToolFinding' })

export const toolShape = {
  name: text,
  title: text.nullable(),
  description: text,
  inputSchema: facts,
  annotations: facts,
  class: toolClass,
  classSource: text,
  declaredClass: toolClass,
  lowered: z.boolean(),
  override: z.strictObject({ by: reference, at: time, reason: text.nullable() }).nullable(),
  state: toolState,
  definitionHash: text,
  verdict: toolVerdict,
  findings: z.array(toolFinding),
  approvedHash: text.nullable(),
  rejected: z.boolean(),
  firstSeenAt: time,
  lastSeenAt: time,
}
const tool = answerOf<ToolView>()(z.strictObject(toolShape))

const entry = { at: time, definitionHash: text }
const history = answerOf<ToolHistoryEntry>()(
  z.discriminatedUnion('kind', [
    z.strictObject({
      ...entry,
      kind: z.literal('listed'),
      verdict: z.enum([...verdicts, 'removed']),
      findings: z.array(toolFinding),
      definition: facts,
      class: toolClass,
      state: toolState,
      seenBy: text,
    }),
    z.strictObject({
      ...entry,
      kind: z.literal('decided'),
      decision: z.enum(['approved', 'rejected', 'withdrawn', 'classified']),
      class: toolClass,
      reason: text.nullable(),
      by: reference,
    }),
  ]),
)

export const toolDetail = answerOf<ToolDetail>()(
  tool.extend({ server: reference, listed: facts, approved: facts.nullable(), history: z.array(history) }),
).meta({ id: 'Tool' })

export const toolReview = answerOf<ToolReview>()(
  z.strictObject({
    server: reference,
    tool: text,
    verdict: toolVerdict,
    findings: z.array(toolFinding),
    since: time,
    approver: reference.nullable(),
  }),
).meta({ id: 'ToolReview' })
