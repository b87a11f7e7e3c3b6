import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { classFromAnnotations, isLower } from '../rules.ts'
import type { ApproveToolsInput, ClassifyToolInput, RejectToolInput, ToolClass } from '../schema.ts'
import { proposeLoosening, replaceLoosenings } from './loosenings.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'
import { declaredClassOf, keyOf, recordDecision, setToolClass, strictestClass } from './tool-class.ts'

/**
 * Says which class a tool is, whatever its server's annotations say, or that they count again; approving and discovery keep it, and brokers follow within a second. Needs
 * `servers:manage`, which no role of a team has; throws `not_found`. A class below what somebody or its server has said is proposed only: what was counts until somebody else has
 * confirmed it (`waits`).
 */
export async function classifyTool(ctx: Ctx, input: ClassifyToolInput): Promise<{ waits: boolean }> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const tool = await findTool(tx, input)
    const { reason } = input
    const [after, classSource] =
      input.class === null ? ([declaredClassOf(tool), 'annotations'] as const) : ([input.class, 'platform'] as const)
    const before = await strictestClass(tx, tool)
    if (ctx.actor.kind === 'person' && isLower(after, before)) {
      await proposeClass(tx, ctx, server, { tool, before, after, classSource, reason })
      return { waits: true }
    }
    await replaceLoosenings(tx, ctx, server, { what: 'tool_class', toolName: tool.name })
    if (tool.class === after && tool.classSource === classSource) return { waits: false }
    await setToolClass(tx, ctx, server, { tool, class: after, classSource, reason })
    return { waits: false }
  })
}

async function proposeClass(
  tx: Tx,
  ctx: Ctx,
  server: LockedServer,
  wanted: {
    tool: FoundTool
    before: ToolClass
    after: ToolClass
    classSource: 'annotations' | 'platform'
    reason: string | null
  },
): Promise<void> {
  const { tool, ...rest } = wanted
  const { name: toolName, definitionHash } = tool
  await proposeLoosening(tx, ctx, server, { what: 'tool_class', toolName, definitionHash, ...rest })
}

/**
 * Lets tools be called and their definitions be shown to agents: exactly those that were looked at, all or none. Needs `servers:manage`;
 * throws `not_found`, `conflict` when a definition changed since it was looked at or its server no longer lists it, and `invalid` when a
 * suspended one, or a lower class than its server declares, comes without a reason. A class below what somebody or its server has said before is proposed, and the tool approved with the
 * stricter one until somebody else has confirmed it (`waits`).
 */
export async function approveTools(
  ctx: Ctx,
  input: ApproveToolsInput,
): Promise<{ approved: string[]; waits: string[] }> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const approved: string[] = []
    const waits: string[] = []
    for (const { name, definitionHash, class: wanted } of input.tools) {
      const tool = await findTool(tx, { serverId: server.id, name })
      refuseIfChanged(tool, definitionHash, server)
      if (tool.verdict === 'suspended' && tool.state !== 'approved' && !input.reason) {
        const message = `Say why ${name} is approved: it was suspended because it changed.`
        throw new DomainError('invalid', message, { field: 'reason', rule: 'registry:reason_needed' })
      }
      const classWanted = wanted ?? classOf(tool)
      const declared = classFromAnnotations(annotationsOf(tool))
      const isPlatforms = wanted !== undefined && wanted !== declared
      if (isPlatforms && isLower(wanted, declared) && tool.class !== wanted && !input.reason) {
        const message = `Say why ${name} is ${wanted} only: its server declares ${declared}, or says nothing, which counts as that.`
        throw new DomainError('invalid', message, { field: 'reason', rule: 'registry:reason_needed' })
      }
      const strictest = await strictestClass(tx, tool)
      const lowers = ctx.actor.kind === 'person' && isLower(classWanted, strictest)
      const classAfter = lowers ? strictest : classWanted
      if (lowers) {
        waits.push(name)
        const classSource = isPlatforms ? 'platform' : 'annotations'
        const reason = input.reason ?? null
        await proposeClass(tx, ctx, server, { tool, before: strictest, after: classWanted, classSource, reason })
      } else if (wanted !== undefined) {
        await replaceLoosenings(tx, ctx, server, { what: 'tool_class', toolName: name })
      }
      if (tool.state === 'approved' && tool.approvedHash === definitionHash && tool.class === classAfter) continue
      await tx.mcpTool.update({
        where: keyOf(tool),
        data: {
          state: 'approved',
          verdict: 'unchanged',
          findings: [],
          approvedHash: tool.definitionHash,
          approvedDefinition: (tool.definition ?? undefined) as Prisma.InputJsonObject | undefined,
          rejectedHash: null,
          class: classAfter,
          ...(isPlatforms || lowers ? { classSource: classAfter === declared ? 'annotations' : 'platform' } : {}),
        },
      })
      await recordDecision(tx, ctx, { tool, decision: 'approved', class: classAfter, reason: input.reason ?? null })
      const findings = (tool.findings as { kind: string }[]).map(({ kind }) => kind)
      recordAudit(tx, ctx, {
        event: 'tool.approved',
        ...subjectOf(server),
        tool: name,
        detail: { class: classAfter, definitionHash, reason: input.reason ?? null, findings },
      })
      approved.push(name)
    }
    return { approved, waits }
  })
}

/**
 * Refuses the definition that was looked at: the tool is quarantined until its server lists another that may be called, and this one stays
 * refused when it comes back. If it was approved, its approval is withdrawn. Needs `servers:manage`; throws as `approveTools`.
 */
export async function rejectTool(ctx: Ctx, input: RejectToolInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const tool = await findTool(tx, input)
    refuseIfChanged(tool, input.definitionHash, server)
    const withdrawn = tool.state === 'approved' && (tool.approvedHash ?? tool.definitionHash) === tool.definitionHash
    if (tool.state === 'quarantined' && tool.rejectedHash === tool.definitionHash) return
    await tx.mcpTool.update({
      where: keyOf(tool),
      data: {
        rejectedHash: tool.definitionHash,
        state: 'quarantined',
        ...(withdrawn ? { approvedHash: null, approvedDefinition: Prisma.DbNull } : {}),
      },
    })
    const decision = withdrawn ? 'withdrawn' : 'rejected'
    await recordDecision(tx, ctx, { tool, decision, class: tool.class, reason: input.reason })
    recordAudit(tx, ctx, {
      event: 'tool.rejected',
      ...subjectOf(server),
      tool: tool.name,
      detail: { definitionHash: tool.definitionHash, withdrawn, reason: input.reason },
    })
  })
}

type FoundTool = NonNullable<Awaited<ReturnType<typeof findTool>>>

function refuseIfChanged(tool: FoundTool, lookedAt: string, server: LockedServer): void {
  if (tool.definitionHash !== lookedAt) {
    const message = `${tool.name} changed while you looked at it. Read its definition again.`
    throw new DomainError('conflict', message, { rule: 'registry:tool_changed', tool: tool.name })
  }
  if (tool.state === 'removed') {
    const message = `${server.name} no longer lists ${tool.name}.`
    throw new DomainError('conflict', message, { rule: 'registry:tool_removed', tool: tool.name })
  }
}

function annotationsOf(tool: FoundTool): Record<string, unknown> {
  return tool.annotations as Record<string, unknown>
}

/** What somebody here said stays; else what the definition says. */
function classOf(tool: FoundTool): ToolClass {
  return tool.classSource === 'platform' || tool.definition === null
    ? tool.class
    : classFromAnnotations(annotationsOf(tool))
}

async function findTool(tx: Tx, { serverId, name }: { serverId: string; name: string }) {
  const tool = await tx.mcpTool.findUnique({ where: keyOf({ serverId, name }) })
  if (!tool) throw new DomainError('not_found', `${serverId} has no tool ${JSON.stringify(name.slice(0, 100))}.`)
  return tool
}
