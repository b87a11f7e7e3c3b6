import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { classFromAnnotations, isLower } from '../rules.ts'
import type { ToolClass } from '../schema.ts'
import { type LockedServer, subjectOf } from './server-lock.ts'

type Tool = NonNullable<Awaited<ReturnType<Tx['mcpTool']['findUnique']>>>

/** Writes the class of a tool, with the decision and its event. */
export async function setToolClass(
  tx: Tx,
  ctx: Ctx,
  server: LockedServer,
  change: { tool: Tool; class: ToolClass; classSource: 'annotations' | 'platform'; reason: string },
): Promise<void> {
  const { tool, class: after, classSource, reason } = change
  await tx.mcpTool.update({ where: keyOf(tool), data: { class: after, classSource } })
  await recordDecision(tx, ctx, { tool, decision: 'classified', class: after, reason })
  recordAudit(tx, ctx, {
    event: 'tool.classified',
    ...subjectOf(server),
    tool: tool.name,
    detail: { before: tool.class, after, declared: declaredClassOf(tool), reason },
  })
}

/**
 * The strictest class that somebody or its server has given a tool and nobody has lowered since, below which two people class it: the one that counts, that of the definition agents are shown, and the
 * one of the last decision, which outlives that a tool is suspended or its approval withdrawn.
 */
export async function strictestClass(tx: Tx, tool: Tool): Promise<ToolClass> {
  const last = await tx.toolDecision.findFirst({
    where: { serverId: tool.serverId, toolName: tool.name, decision: { in: ['approved', 'classified'] } },
    orderBy: { id: 'desc' },
    select: { class: true },
  })
  const shown = tool.classSource !== 'platform' && tool.approvedDefinition !== null ? [declaredClassOf(tool)] : []
  return [tool.class, ...(last ? [last.class] : []), ...shown].reduce((a, b) => (isLower(a, b) ? b : a))
}

/** Of the definition that agents are shown, or would be. */
export function declaredClassOf(tool: Tool): ToolClass {
  const shown = (tool.approvedDefinition ?? {}) as { annotations?: Record<string, unknown> }
  const listed = tool.annotations as Record<string, unknown>
  return classFromAnnotations(tool.approvedDefinition === null ? listed : (shown.annotations ?? {}))
}

export async function recordDecision(
  tx: Tx,
  ctx: Ctx,
  options: { tool: Tool; decision: string; class: ToolClass; reason: string | null },
): Promise<void> {
  const { tool, decision, class: toolClass, reason } = options
  const { id: byId, name: byName } = ctx.actor
  const { serverId, name: toolName, definitionHash } = tool
  await tx.toolDecision.create({
    data: { serverId, toolName, definitionHash, decision, class: toolClass, reason, byId, byName, decidedAt: ctx.now },
  })
}

export function keyOf({ serverId, name }: { serverId: string; name: string }) {
  return { serverId_name: { serverId, name } }
}
