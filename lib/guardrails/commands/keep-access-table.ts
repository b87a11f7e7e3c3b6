import type { Ctx } from '#lib/auth/ctx.ts'
import { accessTableFormat } from '#lib/registry/schema/access-table.ts'
import { checkedPolicies } from '../cedar/checked.ts'
import { accessTableOf } from '../cedar/access-table.ts'
import { joinPolicies } from '../cedar/split.ts'

/**
 * Writes down where the policies of a version apply, unless it is known: to be done before a set is enforced, since the catalog says that nothing is reachable under a set it knows
 * nothing of. Takes some milliseconds a policy, so not within a transaction. Policies that are not valid have no table.
 */
export async function keepAccessTable(
  ctx: Pick<Ctx, 'db'>,
  { version, policies, schema }: { version: string; policies: readonly string[]; schema: string },
): Promise<void> {
  const key = `${version}:${accessTableFormat}`
  if (await ctx.db.policyAccess.findUnique({ where: { version: key }, select: { version: true } })) return
  const checked = await checkedPolicies(joinPolicies(policies), schema)
  if (checked.problems.length > 0) return
  const table = await accessTableOf(checked.policies, schema)
  await ctx.db.policyAccess.createMany({ data: { version: key, table }, skipDuplicates: true })
}
