import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { guardsSelect } from '../queries/server-guards.ts'
import type { ServerGuards, SetServerGuardsInput } from '../schema/server-guards.ts'

/** Switches the guards of a server's results and sets its limits; brokers follow within a second. Needs `servers:manage`; throws `not_found`; nothing is written when nothing differs. */
export async function setServerGuards(ctx: Ctx, input: SetServerGuardsInput): Promise<ServerGuards> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "McpServer" where "id" = ${input.serverId} for update`
    const server = await tx.mcpServer.findUnique({
      where: { id: input.serverId },
      select: { name: true, ...guardsSelect },
    })
    if (!server) throw serverNotFound(input.serverId)
    const { name, ...before } = server
    const { serverId: _, ...changes } = input
    const after: ServerGuards = {
      ...before,
      ...Object.fromEntries(Object.entries(changes).filter(([, to]) => to !== undefined)),
    }
    const names = Object.keys(before) as (keyof ServerGuards)[]
    if (names.every((name) => after[name] === before[name])) return after
    await tx.mcpServer.update({ where: { id: input.serverId }, data: { ...after, updatedAt: ctx.now } })
    const subject = { kind: 'server', id: input.serverId, name }
    recordAudit(tx, ctx, { event: 'server.updated', subject, serverId: input.serverId, detail: { before, after } })
    return after
  })
}
