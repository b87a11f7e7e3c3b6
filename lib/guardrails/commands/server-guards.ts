import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { holdBackSettings } from '#lib/registry/commands.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { guardsSelect } from '../queries/server-guards.ts'
import type { ServerGuards, ServerGuardsSet, SetServerGuardsInput } from '../schema/server-guards.ts'

/**
 * Switches the guards of a server's results and sets its limits; brokers follow within a second. What guards less (no masking, marked answers passed on, a larger or deeper result) is
 * proposed only, and counts from when somebody else has confirmed it (`waits`). Needs `servers:manage`; throws `not_found`; nothing is written when nothing differs.
 */
export async function setServerGuards(ctx: Ctx, input: SetServerGuardsInput): Promise<ServerGuardsSet> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const { serverId, ...given } = input
    const wanted = Object.fromEntries(
      Object.entries(given).filter(([, to]) => to !== undefined),
    ) as Partial<ServerGuards>
    const { settings, waits } = await holdBackSettings(tx, ctx, { serverId, wanted })
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
