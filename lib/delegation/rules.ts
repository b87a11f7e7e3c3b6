import { permissionsOf, roleNames } from '#lib/auth/permissions.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { DelegationRefusal } from './schema.ts'

/** The longest somebody is away: three months. */
export const awayDaysMax = 92
const dayMs = 86_400_000

type Party = { id: string; name: string; active: boolean; roles: readonly string[]; teamIds: readonly string[] }
type Span = { startsAt: Date; endsAt: Date }
/** One that is not revoked: who is away, who stands in. */
type Known = Span & { personId: string; delegateId: string }

/**
 * Whether somebody may stand in for somebody: both have a role in common that decides, one at a time, and nobody stands in whose own approvals go to another at that time, in either direction. So there is
 * no chain and no cycle, and nobody can decide more than they could without it.
 */
export function decideDelegation(
  wanted: Span & { person: Party; delegate: Party },
  { known, now }: { known: readonly Known[]; now: Date },
): Result<null, DelegationRefusal> {
  const { person, delegate, startsAt, endsAt } = wanted
  if (person.id === delegate.id) return refuse('delegation:self', 'Name somebody else.')
  if (!delegate.active) return refuse('delegation:left', `${delegate.name} cannot sign in.`)
  if (endsAt <= startsAt || endsAt <= now)
    return refuse('delegation:time', 'It ends after it begins, and not before now.')
  if (endsAt.getTime() - Math.max(startsAt.getTime(), now.getTime()) > awayDaysMax * dayMs) {
    return refuse('delegation:time', `It ends after at most ${awayDaysMax} days.`)
  }
  const mine = decidingRoles(person.roles)
  if (mine.length === 0) {
    return refuse(
      'delegation:nothing_to_delegate',
      'None of your roles decides about requests or calls, so nothing waits for you.',
    )
  }
  if (!couldStandIn(person, delegate)) {
    const needed = roleNames(mine).join(', ')
    return refuse(
      'delegation:no_shared_role',
      `${delegate.name} could not decide the same: name somebody with one of ${needed}, of a team of yours where a role decides for its teams alone.`,
    )
  }
  const meanwhile = known.filter((each) => each.startsAt < endsAt && startsAt < each.endsAt)
  if (meanwhile.some(({ personId }) => personId === person.id)) {
    return refuse('delegation:one_at_a_time', 'Somebody stands in for you at that time already; end that first.')
  }
  if (meanwhile.some(({ personId }) => personId === delegate.id)) {
    return refuse('delegation:no_chain', `${delegate.name} is away at that time too.`)
  }
  if (meanwhile.some(({ delegateId }) => delegateId === person.id)) {
    return refuse(
      'delegation:no_chain',
      'You stand in for somebody at that time, so what is theirs would go on to another.',
    )
  }
  return ok(null)
}

/** Whether they share a role that decides, and, where that role reaches its own teams only, a team. */
export function couldStandIn(
  person: { roles: readonly string[]; teamIds: readonly string[] },
  delegate: { roles: readonly string[]; teamIds: readonly string[] },
): boolean {
  const ofOneTeam = person.teamIds.some((id) => delegate.teamIds.includes(id))
  return decidingRoles(sharedRoles(person, delegate)).some(
    (role) => ofOneTeam || permissionsOf([role]).has('agents:any_team'),
  )
}

/** Roles of these by which somebody is asked to decide about requests or calls. */
export function decidingRoles(roles: readonly string[]): string[] {
  const deciding = ['scopes:approve', 'scopes:countersign', 'calls:decide'] as const
  return roles.filter((role) => deciding.some((permission) => permissionsOf([role]).has(permission)))
}

/** What two have in common: whoever stands in decides by these alone. */
export function sharedRoles(person: { roles: readonly string[] }, delegate: { roles: readonly string[] }): string[] {
  return delegate.roles.filter((role) => person.roles.includes(role))
}

function refuse(rule: DelegationRefusal['rule'], message: string): { ok: false; error: DelegationRefusal } {
  return { ok: false, error: { rule, message } }
}
