import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { heldReminder } from '../rules/held-calls.ts'
import { aboutHeldCall, withAgent } from './held-calls.ts'

/** In one transaction. */
const batchMax = 200

/**
 * Tells of calls that are held long, once each, before their time is over, however many workers ask. Only processes of the platform. Returns how many.
 */
export async function remindOfHeldCalls(ctx: Ctx): Promise<number> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
  return await inTx(ctx, async (tx, ctx) => {
    // A row of its own: what is held is sealed with every column.
    const told = await tx.$queryRaw<{ heldCallId: string }[]>`
      insert into "HeldCallReminder" ("heldCallId", "at")
      select h."id", ${ctx.now} from "HeldCall" h
      where h."state" = 'waiting' and h."expiresAt" > ${ctx.now} and h."expiresAt" - h."createdAt" >= make_interval(secs => ${heldReminder.secondsMin})
        and h."createdAt" + (h."expiresAt" - h."createdAt") * ${heldReminder.part}::float8 <= ${ctx.now}
        and not exists (select 1 from "HeldCallReminder" m where m."heldCallId" = h."id")
      order by h."expiresAt" limit ${batchMax}
      on conflict do nothing returning "heldCallId"`
    const rows = await tx.heldCall.findMany({
      where: { id: { in: told.map(({ heldCallId }) => heldCallId) } },
      include: withAgent,
      orderBy: { expiresAt: 'asc' },
    })
    for (const row of rows) {
      const detail = { heldCallId: row.id, digest: row.digest, ruleTitle: row.ruleTitle }
      const expiresAt = row.expiresAt.toISOString()
      recordAudit(tx, ctx, { event: 'call.reminded', ...aboutHeldCall(row), detail: { ...detail, expiresAt } })
    }
    return rows.length
  })
}
