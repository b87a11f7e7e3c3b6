import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { isHealthKnown } from '../rules/server-health.ts'
import type { RecordServerHealthInput } from '../schema/health.ts'
import { lockServer, subjectOf } from './server-lock.ts'

/**
 * Keeps how a broker finds a server. Needs `servers:manage`; throws `not_found`. The audit log tells when it becomes unavailable and
 * available again, not of each probe in between. One that was left open by a broker that is gone keeps no later outage from being told.
 */
export async function recordServerHealth(ctx: Ctx, input: RecordServerHealthInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const { broker, state, failures, lastError, retryAt } = input
    const key = { serverId: server.id, broker }
    const before = await tx.serverHealth.findUnique({
      where: { serverId_broker: key },
      select: { state: true, retryAt: true },
    })
    const wasOpen = before?.state === 'open'
    const data = { state, failures, lastError, retryAt, changedAt: ctx.now }
    await tx.serverHealth.upsert({
      where: { serverId_broker: key },
      create: { ...key, ...data },
      update: data,
    })
    if (state === 'open') {
      if (wasOpen && isHealthKnown(before, ctx.now)) return
      recordAudit(tx, ctx, {
        event: 'server.unavailable',
        ...subjectOf(server),
        detail: { broker, failures, lastError },
      })
    } else if (wasOpen) recordAudit(tx, ctx, { event: 'server.available', ...subjectOf(server), detail: { broker } })
  })
}
