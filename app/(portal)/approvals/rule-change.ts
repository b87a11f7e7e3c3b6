import { z } from 'zod'
import { paths } from '#lib/core/paths.ts'
import { hrefWith } from '#lib/web/search.ts'

/** A rule to be changed, in the address: what a suggestion opens the form with. */
export const ruleChangeQuery = z.object({
  replace: z.uuid().optional(),
  pointer: z.string().max(200).optional(),
  holdFrom: z.coerce.number().optional(),
  seconds: z.coerce.number().int().min(10).max(86_400).optional(),
})
export type RuleChange = z.infer<typeof ruleChangeQuery>

export function changeRuleHref(change: RuleChange): string {
  return hrefWith(paths.approvals('rules'), change)
}
