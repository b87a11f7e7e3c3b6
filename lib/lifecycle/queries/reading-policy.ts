import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { type ServerRow, type Tier, tiers } from '#lib/registry/schema.ts'
import { readApprovalRules } from '#lib/scopes/queries.ts'
import { preApprovalOf } from '#lib/scopes/rules/pre-approval.ts'

type ServerFacts = Pick<ServerRow, 'environment' | 'sensitivity' | 'dataClasses'>

/** By the tier of an agent the rule of the approval policy that asks a person for reading a server, also where a template pre-approves it; null: none. Needs `agents:create`. */
export async function readingPolicy(ctx: Ctx): Promise<(server: ServerFacts) => Record<Tier, string | null>> {
  authorize(ctx, 'agents:create')
  const rules = await readApprovalRules(reader(ctx))
  const asked = (server: ServerFacts, tier: Tier) =>
    preApprovalOf(rules, { ...server, tier, class: 'read', toolNames: [], requesterId: ctx.actor.id }).asks
  return (server) => Object.fromEntries(tiers.map((tier) => [tier, asked(server, tier)])) as Record<Tier, string | null>
}
