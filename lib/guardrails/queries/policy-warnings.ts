import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { CheckedPolicies } from '../cedar/check.ts'
import { entitiesNamed, policyWarnings } from '../cedar/warnings.ts'
import type { PolicyProblem, PolicyWords } from '../schema/policy-sets.ts'

/** What is hardly meant in policies that type-check, in the order of the text: also names that nobody has. Callers authorize. */
export async function warningsOf(ctx: Ctx, { policies, warnings }: CheckedPolicies): Promise<PolicyProblem[]> {
  const enforced = await reader(ctx).policySet.findFirst({ where: { state: 'enforced' }, select: { words: true } })
  const before = ((enforced?.words ?? []) as PolicyWords[]).filter(({ effect }) => effect === 'permit')
  const named = policies.flatMap(({ json, words, line }) =>
    entitiesNamed(json).map((entity) => ({ ...entity, policyId: words.id, line })),
  )
  const missing = await unknownOf(ctx, named)
  const unknown = named
    .filter(({ type, id }) => missing.has(`${type} ${id}`))
    .map(({ type, id, policyId, line }) => {
      const what = type.replace('Wheelhouse::', '')
      const help = 'As long as there is none, the policy does not concern anything.'
      return { policyId, line, column: 1, message: `There is no ${what} "${id}".`, help }
    })
  const permitted = before.map(({ id }) => id)
  const all = [...warnings, ...policyWarnings(policies, permitted), ...unknown]
  return all.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

async function unknownOf(ctx: Ctx, named: readonly { type: string; id: string }[]): Promise<Set<string>> {
  const db = reader(ctx)
  const idsOf = (type: string) => [
    ...new Set(named.filter((one) => one.type === `Wheelhouse::${type}`).map(({ id }) => id)),
  ]
  const missing = new Set<string>()
  const look = async (type: string, find: (ids: string[]) => Promise<{ id: string }[]>) => {
    const ids = idsOf(type)
    if (ids.length === 0) return
    const known = new Set((await find(ids)).map(({ id }) => id))
    for (const id of ids) if (!known.has(id)) missing.add(`Wheelhouse::${type} ${id}`)
  }
  const select = { id: true } as const
  await look('Agent', (ids) => db.agent.findMany({ where: { id: { in: ids } }, select }))
  await look('Team', (ids) => db.team.findMany({ where: { id: { in: ids } }, select }))
  await look('Template', (ids) => db.template.findMany({ where: { id: { in: ids } }, select }))
  await look('Server', (ids) => db.mcpServer.findMany({ where: { id: { in: ids } }, select }))
  await look(
    'Tool',
    (ids) =>
      db.$queryRaw<
        { id: string }[]
      >`select "serverId" || '/' || "name" as "id" from "McpTool" where "serverId" || '/' || "name" = any(${ids})`,
  )
  return missing
}
