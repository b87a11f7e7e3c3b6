import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { pastOwners } from '#lib/registry/queries.ts'
import type { Rule } from '../../schema.ts'
import { keepsRule } from '../../rules/keepers.ts'
import type { Explanation } from '../../schema/explanation.ts'

/** So many people are named; the others are counted. */
const namedMax = 10

/** Who can change what a rule says about an agent: the roles, and the people who have one and may for it. Callers authorize. */
export async function keepersOf(ctx: Ctx, rule: Rule, agentId: string | null): Promise<Explanation['changedBy']> {
  const { roles, how } = rule.changedBy
  const db = reader(ctx)
  const agent =
    agentId === null
      ? null
      : await db.agent.findUnique({
          where: { id: agentId },
          select: { accountablePersonId: true, ownerTeamId: true },
        })
  const people =
    roles.length === 0
      ? []
      : await db.person.findMany({
          where: { active: true, roles: { some: { role: { in: [...roles] } } } },
          orderBy: [{ name: 'asc' }, { id: 'asc' }],
          select: {
            id: true,
            name: true,
            roles: { select: { role: true } },
            memberships: { select: { teamId: true } },
          },
        })
  const owned = agent && agentId !== null ? { ...agent, past: await pastOwners(ctx, agentId) } : null
  const keepers = people.filter(({ roles, memberships, ...person }) =>
    keepsRule(
      rule,
      { ...person, roles: roles.map(({ role }) => role), teamIds: memberships.map(({ teamId }) => teamId) },
      owned,
    ),
  )
  const named = keepers.slice(0, namedMax).map(({ id, name }) => ({ id, name }))
  return { roles: [...roles], how, people: named, others: keepers.length - named.length }
}
