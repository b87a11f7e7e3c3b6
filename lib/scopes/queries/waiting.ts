import { authorize, type Ctx, requirePerson } from '#lib/auth/ctx.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import type { WaitingRequest, WaitingRequestList } from '../schema/waiting.ts'
import { listScopeRequests } from './requests.ts'
import { whoAreAsked } from './asked.ts'

/** Of the requests that wait longest, how many are looked at. */
const lookedAtMax = 200

/** The requests that wait for oneself, the oldest first: what one may approve now, also because it was passed on, and for whom one stands in. Needs `requests:read`. */
export async function listWaitingRequests(ctx: Ctx, { limit }: { limit: number }): Promise<WaitingRequestList> {
  authorize(ctx, 'requests:read')
  const person = requirePerson(ctx)
  const { items, total } = await listScopeRequests(ctx, { state: 'pending', limit: lookedAtMax })
  const absences = await standsInFor(ctx, person.id)
  const people = [person, ...absences.map((absence) => absence.person)]
  const waiting: WaitingRequest[] = []
  const askedOf = await whoAreAsked(ctx, { requestIds: items.map(({ id }) => id), people })
  for (const request of items) {
    const asked = new Set(askedOf.get(request.id)?.map(({ id }) => id))
    if (!asked.has(person.id)) continue
    const standIns = absences
      .filter((absence) => asked.has(absence.person.id))
      .map(({ person: { id, name }, until }) => ({ person: { id, name, active: true }, until: until.toISOString() }))
    waiting.push({ ...request, standIns })
  }
  return { items: waiting.slice(0, limit), total: waiting.length, more: total > items.length }
}
