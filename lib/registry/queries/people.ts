import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { rolesWith } from '#lib/auth/permissions.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import type { PersonListQuery, PersonRow, TeamRow } from '../schema.ts'

/** Every team by name. Needs `agents:read`. */
export async function listTeams(ctx: Ctx): Promise<TeamRow[]> {
  authorize(ctx, 'agents:read')
  const teams = await reader(ctx).team.findMany({
    orderBy: { name: 'asc' },
    select: {
      id: true,
      name: true,
      costCenter: true,
      demo: true,
      members: { where: { lead: true }, select: { person: { select: { id: true, name: true } } } },
      _count: { select: { members: true, agents: { where: { status: { not: 'retired' } } } } },
    },
  })
  return teams.map((team) => ({
    id: team.id,
    name: team.name,
    costCenter: team.costCenter,
    members: team._count.members,
    leads: team.members.map(({ person }) => person),
    agents: team._count.agents,
    demo: team.demo,
  }))
}

/** People by name, for pickers and the settings page. Needs `agents:read`. */
export async function listPeople(ctx: Ctx, query: PersonListQuery = {}): Promise<PersonRow[]> {
  authorize(ctx, 'agents:read')
  const contains = query.search ? { contains: query.search, mode: 'insensitive' as const } : undefined
  const people = await reader(ctx).person.findMany({
    where: {
      active: query.active,
      ...(query.teamId ? { memberships: { some: { teamId: query.teamId } } } : {}),
      ...(contains ? { OR: [{ name: contains }, { email: contains }] } : {}),
    },
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
    select: personSelect,
  })
  return people.map(toPersonRow)
}

/** One person with their roles and teams. Needs `agents:read`; throws `not_found`. */
export async function getPerson(ctx: Ctx, id: string): Promise<PersonRow> {
  authorize(ctx, 'agents:read')
  const person = await reader(ctx).person.findUnique({ where: { id }, select: personSelect })
  if (!person) throw new DomainError('not_found', 'There is no such person.')
  return toPersonRow(person)
}

const personSelect = {
  id: true,
  name: true,
  email: true,
  active: true,
  demo: true,
  roles: { select: { role: true }, orderBy: { role: 'asc' } },
  memberships: { select: { teamId: true }, orderBy: { teamId: 'asc' } },
} satisfies Prisma.PersonSelect

function toPersonRow({
  roles,
  memberships,
  ...person
}: Prisma.PersonGetPayload<{ select: typeof personSelect }>): PersonRow {
  return { ...person, roles: roles.map(({ role }) => role), teamIds: memberships.map(({ teamId }) => teamId) }
}

/** People who may manage MCP servers, by name: who can be asked about their tools. Needs `servers:manage`. */
export async function listServerApprovers(ctx: Ctx): Promise<{ id: string; name: string }[]> {
  authorize(ctx, 'servers:manage')
  return await reader(ctx).person.findMany({
    where: { active: true, roles: { some: { role: { in: rolesWith('servers:manage') } } } },
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
    select: { id: true, name: true },
  })
}

/** Names of the people behind these ids; nulls and unknown ids are left out. Callers authorize. */
export async function personNames(
  ctx: Ctx,
  ids: readonly (string | null)[],
): Promise<Map<string, { id: string; name: string; active: boolean }>> {
  const known = [...new Set(ids.filter((id) => id !== null))]
  if (known.length === 0) return new Map()
  const people = await reader(ctx).person.findMany({
    where: { id: { in: known } },
    select: { id: true, name: true, active: true },
  })
  return new Map(people.map((person) => [person.id, person]))
}
