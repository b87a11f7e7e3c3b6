import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { MarkAllInput, MarkNotificationInput } from '../schema.ts'

/** Marks one of one's own notifications read or unread; saying it twice changes nothing. Needs `inbox:own`; throws `not_found`, also for somebody else's. */
export async function markNotification(ctx: Ctx, input: MarkNotificationInput): Promise<void> {
  authorize(ctx, 'inbox:own')
  const person = requirePerson(ctx)
  await inTx(ctx, async (tx, ctx) => {
    const mine = { id: input.notificationId, personId: person.id, inInbox: true }
    if ((await tx.notification.count({ where: mine })) === 0) {
      throw new DomainError('not_found', 'There is no such notification in your inbox.')
    }
    const where = { ...mine, readAt: input.read ? null : { not: null } }
    await tx.notification.updateMany({ where, data: { readAt: input.read ? ctx.now : null } })
  })
}

/** Marks everything in one's inbox read, up to the newest that was seen: what came since stays unread. Needs `inbox:own`. Returns how many. */
export async function markAllRead(ctx: Ctx, input: MarkAllInput): Promise<{ marked: number }> {
  authorize(ctx, 'inbox:own')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { count } = await tx.notification.updateMany({
      where: {
        personId: person.id,
        inInbox: true,
        readAt: null,
        ...(input.kind ? { kind: input.kind } : {}),
        ...(input.until ? { toldAt: { lte: new Date(input.until) } } : {}),
      },
      data: { readAt: ctx.now },
    })
    return { marked: count }
  })
}
