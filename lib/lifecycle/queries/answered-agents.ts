import type { Ctx } from '#lib/auth/ctx.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { answeredFor } from '../rules/review-stand-in.ts'

type Person = Extract<Ctx['actor'], { kind: 'person' }>

/** Those whose grants somebody answers for in a review, also in the place of whoever is away. */
export function agentsAnsweredFor(person: Person, absences: readonly { person: Person }[]): Prisma.AgentWhereInput {
  return { OR: [ownAgents(person), ...absences.flatMap(({ person: absent }) => theirAgents(person, absent))] }
}

function ownAgents({ id, roles, teamIds }: Person): Prisma.AgentWhereInput {
  const led = roles.includes('team_lead') ? [...teamIds] : []
  return { OR: [{ accountablePersonId: id }, { ownerTeamId: { in: led } }] }
}

/** Those that somebody who is away answers for, as far as the stand-in may in their place. */
function theirAgents(delegate: Person, absent: Person): Prisma.AgentWhereInput[] {
  const reach = answeredFor({ delegate, absent })
  if (!reach) return []
  const { accountableId, ledTeamIds, withinTeamIds } = reach
  const theirs = { OR: [{ accountablePersonId: accountableId }, { ownerTeamId: { in: ledTeamIds } }] }
  return [withinTeamIds === null ? theirs : { ...theirs, ownerTeamId: { in: [...withinTeamIds] } }]
}
