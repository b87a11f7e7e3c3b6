import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { holdBackSettings } from '#lib/registry/commands.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { guardsSelect } from '../queries/server-guards.ts'
import type { BrokerLimits } from '../rules/request-limits.ts'
import type { ServerGuards, ServerGuardsSet, SetServerGuardsInput } from '../schema/server-guards.ts'

/**
 * Switches the guards of a server's results and sets its limits; brokers follow within a second. What guards less (no masking, marked answers passed on, a larger or deeper result, more calls a second, a longer time to answer) is
 * proposed only, and counts from when somebody else has confirmed it (`waits`). `brokers`: what holds for any server, by which an own pace is faster or slower. Needs `servers:manage`; throws `not_found`; nothing is written when nothing differs.
 */
export async function setServerGuards(
  ctx: Ctx,
  input: SetServerGuardsInput,
  brokers: BrokerLimits | null = null,
): Promise<ServerGuardsSet> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const { serverId, ...given } = input
    const wanted = Object.fromEntries(
      Object.entries(given).filter(([, to]) => to !== undefined),
    ) as Partial<ServerGuards>
    const { settings, waits } = await holdBackSettings(tx, ctx, { serverId, wanted, standard: standardPace(brokers) })
    const server = await tx.mcpServer.findUnique({ where: { id: serverId }, select: { name: true, ...guardsSelect } })
    if (!server) throw serverNotFound(serverId)
    const { name, ...before } = server
    const after: ServerGuards = { ...before, ...settings }
    const names = Object.keys(before) as (keyof ServerGuards)[]
    if (names.every((name) => after[name] === before[name])) return { ...after, waits }
    await tx.mcpServer.update({ where: { id: serverId }, data: { ...after, updatedAt: ctx.now } })
    const subject = { kind: 'server', id: serverId, name }
    recordAudit(tx, ctx, { event: 'server.updated', subject, serverId, detail: { before, after } })
    return { ...after, waits }
  })
}

function standardPace(brokers: BrokerLimits | null) {
  return brokers && { callsPerSecond: brokers.server, callDeadlineSeconds: brokers.callDeadlineMs / 1000 }
}
