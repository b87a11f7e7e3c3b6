import { authorize, type Ctx, requirePerson } from '#lib/auth/ctx.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import type { WaitingRequest, WaitingRequestList } from '../schema/waiting.ts'
import { listScopeRequests } from './requests.ts'
import { decideInPlaceOf } from '../rules/stand-in.ts'
import { decidableRequests, mayApprove } from './asked.ts'

/** Of the requests that wait longest, how many are looked at. */
const lookedAtMax = 200

/** The requests that wait for oneself, the oldest first: what one may approve now, also because it was passed on, and for whom one stands in. Needs `requests:read`. */
export async function listWaitingRequests(ctx: Ctx, { limit }: { limit: number }): Promise<WaitingRequestList> {
  authorize(ctx, 'requests:read')
  const person = requirePerson(ctx)
  const { items, total } = await listScopeRequests(ctx, { state: 'pending', limit: lookedAtMax })
  const absences = await standsInFor(ctx, person.id)
  const waiting: WaitingRequest[] = []
  const found = await decidableRequests(
    ctx,
    items.map(({ id }) => id),
  )
  const decidable = new Map(found.map((request) => [request.id, request]))
  for (const request of items) {
    const asked = decidable.get(request.id)
    if (!asked || !mayApprove(asked, person)) continue
    const inPlace = { delegate: person, decision: 'approve' as const, seen: asked.revision }
    const standIns = absences
      .filter((absence) => decideInPlaceOf(asked, { ...inPlace, absent: absence.person }).ok)
      .map(({ person: { id, name }, until }) => ({ person: { id, name, active: true }, until: until.toISOString() }))
    waiting.push({ ...request, standIns })
  }
  return { items: waiting.slice(0, limit), total: waiting.length, more: total > items.length }
}
