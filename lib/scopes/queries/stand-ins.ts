import type { Ctx } from '#lib/auth/ctx.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import type { StandIn } from '#lib/delegation/schema.ts'
import { decideInPlaceOf } from '../rules/stand-in.ts'
import type { DecidableRequest } from '../rules.ts'

/** In whose place the person reading may approve a request now. */
export async function standInsFor(ctx: Ctx, request: DecidableRequest): Promise<StandIn[]> {
  const { actor } = ctx
  if (actor.kind !== 'person' || request.state !== 'pending') return []
  const absences = await standsInFor(ctx, actor.id)
  const asked = { delegate: actor, decision: 'approve' as const, seen: request.revision }
  return absences
    .filter(({ person }) => decideInPlaceOf(request, { ...asked, absent: person }).ok)
    .map(({ person: { id, name }, until }) => ({ person: { id, name, active: true }, until: until.toISOString() }))
}
