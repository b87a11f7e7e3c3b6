import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { type SetCallPriceInput, setCallPriceInput } from '../schema/call-prices.ts'

/**
 * Sets what a call of a tool costs, or of every tool of a server that has no price of its own; brokers follow within a second, and what was called before keeps its price.
 * Needs `costs:manage`; throws `not_found`; nothing is written when nothing differs.
 */
export async function setCallPrice(ctx: Ctx, input: SetCallPriceInput): Promise<void> {
  authorize(ctx, 'costs:manage')
  const { serverId, tool, listUnitPriceMicros } = setCallPriceInput.parse(input)
  const after = listUnitPriceMicros === null ? null : BigInt(listUnitPriceMicros)
  await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "McpServer" where "id" = ${serverId} for update`
    const select = { name: true, listUnitPriceMicros: true } as const
    const server = await tx.mcpServer.findUnique({ where: { id: serverId }, select })
    if (!server) throw serverNotFound(serverId)
    const key = tool === null ? null : { serverId_name: { serverId, name: tool } }
    const priced = key ? await tx.mcpTool.findUnique({ where: key, select }) : server
    if (!priced) throw new DomainError('not_found', `${serverId} has no tool ${JSON.stringify(tool?.slice(0, 100))}.`)
    const before = priced.listUnitPriceMicros
    if (before === after) return
    if (key) await tx.mcpTool.update({ where: key, data: { listUnitPriceMicros: after } })
    await tx.mcpServer.update({
      where: { id: serverId },
      data: { updatedAt: ctx.now, ...(key ? {} : { listUnitPriceMicros: after }) },
    })
    recordAudit(tx, ctx, {
      event: 'call_price.changed',
      subject: key
        ? { kind: 'tool', id: `${serverId}/${tool}`, name: priced.name }
        : { kind: 'server', id: serverId, name: server.name },
      serverId,
      ...(tool === null ? {} : { tool }),
      detail: { before: before?.toString() ?? null, after: listUnitPriceMicros },
    })
  })
}
