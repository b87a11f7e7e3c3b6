import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import type { Tx } from '#lib/db/client.ts'
import { classFromAnnotations } from '../rules.ts'
import type { ApproveToolInput, ClassifyToolInput, RecordServerToolsInput } from '../schema.ts'
import { lockServer, subjectOf } from './servers.ts'

/** Says which class a tool is, whatever its server's annotations say. Needs `servers:manage`; throws `not_found`. */
export async function classifyTool(ctx: Ctx, input: ClassifyToolInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const tool = await findTool(tx, input)
    if (tool.class === input.class && tool.classSource === 'platform') return
    await tx.mcpTool.update({
      where: { serverId_name: { serverId: server.id, name: tool.name } },
      data: { class: input.class, classSource: 'platform' },
    })
    recordAudit(tx, ctx, {
      event: 'tool.classified',
      ...subjectOf(server),
      tool: tool.name,
      detail: { before: tool.class, after: input.class },
    })
  })
}

/**
 * Lets a quarantined tool be called. Needs `servers:manage`; throws `not_found`, or `conflict` when the definition is not the one that was
 * looked at, or the server no longer lists the tool.
 */
export async function approveTool(ctx: Ctx, input: ApproveToolInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const tool = await findTool(tx, input)
    if (tool.definitionHash !== input.definitionHash) {
      const message = 'The tool has changed since you looked at it. Read its definition again.'
      throw new DomainError('conflict', message, { rule: 'registry:tool_changed' })
    }
    if (tool.state === 'removed') {
      throw new DomainError('conflict', `${server.name} no longer lists ${tool.name}.`, {
        rule: 'registry:tool_removed',
      })
    }
    if (tool.state === 'approved') return
    await tx.mcpTool.update({
      where: { serverId_name: { serverId: server.id, name: tool.name } },
      data: { state: 'approved' },
    })
    recordAudit(tx, ctx, {
      event: 'tool.approved',
      ...subjectOf(server),
      tool: tool.name,
      detail: { class: tool.class, definitionHash: tool.definitionHash },
    })
  })
}

/**
 * Compares what a server lists with what is known. A new tool starts in `newToolState`, a changed one is quarantined until somebody has
 * looked at it, one that is gone is marked removed and quarantined when it returns. A class given here by a person stays.
 * For our own processes and `servers:manage`; throws `not_found`.
 */
export async function recordServerTools(
  ctx: Ctx,
  input: RecordServerToolsInput,
): Promise<{ added: string[]; changed: string[]; removed: string[] }> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const rows = await tx.mcpTool.findMany({
      where: { serverId: server.id },
      select: { name: true, definitionHash: true, state: true, classSource: true, class: true },
    })
    const known = new Map(rows.map((row) => [row.name, row]))
    const listed = new Map(input.tools.map((tool) => [tool.name, tool]))
    const outcome = { added: [] as string[], changed: [] as string[], removed: [] as string[] }
    for (const tool of listed.values()) {
      const before = known.get(tool.name)
      const definitionHash = digestOf(tool)
      if (before && before.state !== 'removed' && before.definitionHash === definitionHash) continue
      const state = before ? ('quarantined' as const) : input.newToolState
      const annotations = tool.annotations ?? {}
      const classified = before?.classSource === 'platform' ? before.class : classFromAnnotations(annotations)
      const data = {
        title: tool.title ?? null,
        description: tool.description ?? '',
        inputSchema: tool.inputSchema as Prisma.InputJsonObject,
        annotations: annotations as Prisma.InputJsonObject,
        class: classified,
        state,
        definitionHash,
        definition: tool as Prisma.InputJsonObject,
        lastSeenAt: ctx.now,
      }
      await tx.mcpTool.upsert({
        where: { serverId_name: { serverId: server.id, name: tool.name } },
        create: { serverId: server.id, name: tool.name, firstSeenAt: ctx.now, ...data },
        update: data,
      })
      ;(before ? outcome.changed : outcome.added).push(tool.name)
      const detail = { class: classified, definitionHash, state }
      recordAudit(tx, ctx, { event: 'tool.discovered', ...subjectOf(server), tool: tool.name, detail })
    }
    outcome.removed = rows.filter((row) => row.state !== 'removed' && !listed.has(row.name)).map((row) => row.name)
    await tx.mcpTool.updateMany({
      where: { serverId: server.id, name: { in: outcome.removed } },
      data: { state: 'removed' },
    })
    for (const name of outcome.removed) {
      const { class: toolClass, definitionHash } = known.get(name)!
      const detail = { class: toolClass, definitionHash, state: 'removed' }
      recordAudit(tx, ctx, { event: 'tool.discovered', ...subjectOf(server), tool: name, detail })
    }
    const seen = [...listed.keys()].filter((name) => !outcome.added.includes(name) && !outcome.changed.includes(name))
    await tx.mcpTool.updateMany({ where: { serverId: server.id, name: { in: seen } }, data: { lastSeenAt: ctx.now } })
    return outcome
  })
}

async function findTool(tx: Tx, { serverId, name }: { serverId: string; name: string }) {
  const tool = await tx.mcpTool.findUnique({
    where: { serverId_name: { serverId, name } },
    select: { name: true, class: true, classSource: true, state: true, definitionHash: true },
  })
  if (!tool) throw new DomainError('not_found', `${serverId} has no tool ${JSON.stringify(name.slice(0, 100))}.`)
  return tool
}
