import { z } from 'zod'
import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { Rule } from '../../schema.ts'
import type { SetBy } from '../../schema/explanation.ts'

const words = z.array(z.object({ id: z.string(), title: z.string(), explanation: z.string(), remedy: z.string() }))

export type ExplainedPolicy = {
  words: Pick<Rule, 'title' | 'explanation' | 'remedy'> | null
  setBy: Pick<SetBy, 'by' | 'at' | 'reason'>
}

/** What the set of this version says about a policy of its own, and who put it in force. Null: the platform knows no such set. Callers authorize. */
export async function explainPolicy(
  ctx: Ctx,
  { rule, version, at }: { rule: string; version: string | null; at: Date },
): Promise<ExplainedPolicy | null> {
  if (version === null) return null
  const set = await reader(ctx).policySet.findFirst({
    where: { version },
    orderBy: { number: 'desc' },
    select: { words: true, number: true, changedByName: true, changedAt: true, enforcedByName: true, enforcedAt: true, note: true }, // prettier-ignore
  })
  if (!set) return null
  const said = words
    .catch([])
    .parse(set.words)
    .find(({ id }) => id === rule)
  // Put in force again later, it has another date; then who wrote it is known for sure.
  const enforced = set.enforcedByName !== null && set.enforcedAt !== null && set.enforcedAt <= at
  return {
    words: said ? { title: said.title, explanation: said.explanation, remedy: said.remedy } : null,
    setBy: {
      by: { kind: 'person', id: null, name: enforced ? set.enforcedByName! : set.changedByName },
      at: (enforced ? set.enforcedAt! : set.changedAt).toISOString(),
      reason: `Policy set ${set.number}: ${set.note}`,
    },
  }
}
