import type { Ctx } from '#lib/auth/ctx.ts'
import { delegationsInForce } from '#lib/delegation/queries.ts'
import type { Telling } from './phrases.ts'
import type { Person } from './recipients.ts'

/** Of what waits for somebody. */
const waiting: ReadonlySet<string> = new Set(['request_waits', 'request_overdue', 'call_waits', 'review_waits'])

/**
 * Says to whoever stands in for somebody that what waits for them waits for the other as well. Who stands in could decide it anyway, so they are among those who are told.
 */
export async function standInNotes(ctx: Ctx): Promise<{
  note(telling: Telling, of: { to: Person; recipients: readonly Person[] }): Telling
}> {
  const delegations = await delegationsInForce(ctx)
  return {
    note(telling, { to, recipients }) {
      if (!waiting.has(telling.kind)) return telling
      const absent = delegations
        .filter(({ delegateId }) => delegateId === to.id)
        .flatMap(({ personId, endsAt }) => {
          const person = recipients.find(({ id }) => id === personId)
          return person ? [`You stand in for ${person.name} until ${endsAt.toISOString().slice(0, 10)}.`] : []
        })
      return absent.length === 0 ? telling : { ...telling, body: [telling.body, ...absent].filter(Boolean).join('\n') }
    },
  }
}
