import type { Prisma } from '#lib/db/generated/client.ts'
import type { Actor } from './ctx.ts'
import { permissionsOf } from './permissions.ts'

/** What it takes to know who somebody is and what they may do. */
export const actorSelect = {
  id: true,
  name: true,
  email: true,
  active: true,
  roles: { select: { role: true } },
  memberships: { select: { teamId: true } },
} satisfies Prisma.PersonSelect

export type ActorRow = Prisma.PersonGetPayload<{ select: typeof actorSelect }>

/** The person as an actor, or null when they are deactivated. */
export function actorOf(person: ActorRow): Extract<Actor, { kind: 'person' }> | null {
  if (!person.active) return null
  const roles = person.roles.map(({ role }) => role).toSorted()
  return {
    kind: 'person',
    id: person.id,
    name: person.name,
    email: person.email,
    roles,
    teamIds: person.memberships.map(({ teamId }) => teamId).toSorted(),
    permissions: permissionsOf(roles),
  }
}
