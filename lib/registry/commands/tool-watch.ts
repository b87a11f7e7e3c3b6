import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { storable } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { type KnownTool, judgeListing, type ListingJudgement } from '../rules/tool-listing.ts'
import type { ListedTool, RecordServerToolsInput } from '../schema.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'
import { writeListing } from './tool-listing.ts'

type Round = { server: LockedServer; input: RecordServerToolsInput; otherTools: readonly string[] }

/**
 * Compares what a server lists with what is known and was approved, and keeps every definition it sees. A new tool starts in
 * `newToolState`. One that changed stays approved if only its wording changed or it takes less; otherwise it is suspended and its approver is
 * asked. Agents go on seeing what was approved. One that is gone keeps its history, and its approval for exactly that definition.
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
      select: { name: true, definitionHash: true, state: true },
    })
    const known = new Map(rows.map((row) => [row.name, row]))
    const listed = new Map(input.tools.map((tool) => [tool.name, { tool, hash: digestOf(tool) }]))
    const differs = [...listed.values()].filter(({ tool, hash }) => {
      const before = known.get(tool.name)
      return !before || before.state === 'removed' || before.definitionHash !== hash
    })
    const gone = rows.filter((row) => row.state !== 'removed' && !listed.has(row.name)).map(({ name }) => name)
    const otherTools = differs.length > 0 ? await everyToolName(tx) : []
    for (const { tool, hash } of differs) await recordListing(tx, ctx, { server, input, otherTools, tool, hash })
    for (const name of gone) await recordRemoval(tx, ctx, { server, input, name })
    const seen = [...listed.keys()].filter((name) => !differs.some(({ tool }) => tool.name === name))
    await tx.mcpTool.updateMany({ where: { serverId: server.id, name: { in: seen } }, data: { lastSeenAt: ctx.now } })
    await writeListing(tx, ctx, { server, leftOut: input.leftOut ?? [], leftOutTotal: input.leftOutTotal ?? 0 })
    const names = differs.map(({ tool }) => tool.name)
    return {
      added: names.filter((name) => !known.has(name)),
      changed: names.filter((name) => known.has(name)),
      removed: gone,
    }
  })
}

async function recordListing(
  tx: Tx,
  ctx: Ctx,
  { server, input, otherTools, tool, hash }: Round & { tool: ListedTool; hash: string },
): Promise<void> {
  const key = { serverId_name: { serverId: server.id, name: tool.name } }
  const row = await tx.mcpTool.findUnique({ where: key })
  const known = row && knownTool(row)
  const world = { otherTools: otherTools.filter((name) => name !== tool.name) }
  const judged = judgeListing({ known, tool, hash, newToolState: input.newToolState, world })
  // The database takes no NUL and no half of a pair; the hash is of what the server said.
  const definition = storable(tool) as Prisma.InputJsonObject
  const approved = row
    ? known!.approved && {
        approvedHash: known!.approved.hash,
        approvedDefinition: known!.approved.definition as Prisma.InputJsonObject,
      }
    : judged.state === 'approved'
      ? { approvedHash: hash, approvedDefinition: definition }
      : null
  const findings = storable(judged.findings)
  const data = {
    title: (definition['title'] as string | undefined) ?? null,
    description: (definition['description'] as string | undefined) ?? '',
    inputSchema: definition['inputSchema'] as Prisma.InputJsonObject,
    annotations: (definition['annotations'] ?? {}) as Prisma.InputJsonObject,
    class: judged.class,
    state: judged.state,
    verdict: judged.verdict,
    findings,
    definitionHash: hash,
    definition,
    ...approved,
    lastSeenAt: ctx.now,
  }
  await tx.mcpTool.upsert({
    where: key,
    create: { serverId: server.id, name: tool.name, firstSeenAt: ctx.now, ...data },
    update: data,
  })
  await tx.toolRevision.create({
    data: {
      serverId: server.id,
      toolName: tool.name,
      definitionHash: hash,
      definition,
      comparedHash: known?.approved?.hash ?? null,
      verdict: judged.verdict,
      findings,
      class: judged.class,
      state: judged.state,
      seenBy: input.seenBy,
      seenAt: ctx.now,
    },
  })
  recordJudgement(tx, ctx, { server, name: tool.name, hash, judged, comparedHash: known?.approved?.hash ?? null })
}

function recordJudgement(
  tx: Tx,
  ctx: Ctx,
  options: { server: LockedServer; name: string; hash: string; judged: ListingJudgement; comparedHash: string | null },
): void {
  const { server, name, hash, judged, comparedHash } = options
  const { verdict, state, class: toolClass } = judged
  const findings = storable(judged.findings.map(({ kind, path, note }) => ({ kind, path, note })))
  recordAudit(tx, ctx, {
    event: 'tool.discovered',
    ...subjectOf(server),
    tool: name,
    detail: { class: toolClass, definitionHash: hash, state, verdict },
  })
  if (state !== 'quarantined' || comparedHash === null) return
  recordAudit(tx, ctx, {
    event: 'tool.suspended',
    ...subjectOf(server),
    tool: name,
    detail: { definitionHash: hash, approvedHash: comparedHash, approverId: server.approverId, findings },
  })
}

async function recordRemoval(
  tx: Tx,
  ctx: Ctx,
  { server, input, name }: Omit<Round, 'otherTools'> & { name: string },
): Promise<void> {
  const key = { serverId_name: { serverId: server.id, name } }
  const row = await tx.mcpTool.findUniqueOrThrow({ where: key })
  const { approved } = knownTool(row)
  await tx.mcpTool.update({
    where: key,
    data: {
      state: 'removed',
      ...(approved && {
        approvedHash: approved.hash,
        approvedDefinition: approved.definition as Prisma.InputJsonObject,
      }),
    },
  })
  await tx.toolRevision.create({
    data: {
      serverId: server.id,
      toolName: name,
      definitionHash: row.definitionHash,
      definition: definitionOf(row),
      comparedHash: approved?.hash ?? null,
      verdict: 'removed',
      class: row.class,
      state: 'removed',
      seenBy: input.seenBy,
      seenAt: ctx.now,
    },
  })
  const detail = { class: row.class, definitionHash: row.definitionHash, state: 'removed', verdict: 'removed' }
  recordAudit(tx, ctx, { event: 'tool.discovered', ...subjectOf(server), tool: name, detail })
}

type ToolRow = NonNullable<Awaited<ReturnType<Tx['mcpTool']['findUnique']>>>

function knownTool(row: ToolRow): KnownTool {
  const shown = row.approvedHash !== null || row.state === 'approved'
  return {
    class: row.class,
    classSource: row.classSource,
    rejectedHash: row.rejectedHash,
    approved: shown
      ? {
          hash: row.approvedHash ?? row.definitionHash,
          definition: (row.approvedDefinition ?? definitionOf(row)) as NonNullable<KnownTool['approved']>['definition'],
        }
      : null,
  }
}

function definitionOf(row: ToolRow): Prisma.InputJsonObject {
  if (row.definition !== null) return row.definition as Prisma.InputJsonObject
  const { name, title, description, inputSchema, annotations } = row
  return { name, ...(title === null ? {} : { title }), description, inputSchema, annotations }
}

/** Names that a text may point to: of this server and of all others, since an agent may see both. */
async function everyToolName(tx: Tx): Promise<string[]> {
  const rows = await tx.mcpTool.findMany({
    where: { state: { not: 'removed' } },
    distinct: ['name'],
    select: { name: true },
    orderBy: { name: 'asc' },
    take: 5000,
  })
  return rows.map(({ name }) => name)
}
