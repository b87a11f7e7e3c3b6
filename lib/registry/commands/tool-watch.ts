import { setImmediate as pause } from 'node:timers/promises'
import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { storable } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import { ToolNames } from '../rules/other-tools.ts'
import { judgeListing } from '../rules/tool-listing.ts'
import type { ListedTool, RecordServerToolsInput } from '../schema.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'
import { writeListing } from './tool-listing.ts'
import {
  type JudgedTool,
  knownTool,
  readTools,
  type ToolRow,
  writeListings,
  writeRemovals,
  writeSeen,
} from './tool-rows.ts'

type Change = { tool: ListedTool; hash: string; row: ToolRow | undefined }

/** Judging takes its time, and calls go through the same process. */
const inOneGoMs = 10

/**
 * Compares what a server lists with what is known and was approved, and keeps every definition it sees. A new tool starts in
 * `newToolState`. One that changed stays approved if only its wording changed or it takes less; otherwise it is suspended and its approver is
 * asked. Agents go on seeing what was approved. One that is gone keeps its history, and its approval for exactly that definition.
 * However many tools there are, the database is asked as often. For our own processes and `servers:manage`; throws `not_found`.
 */
export async function recordServerTools(
  ctx: Ctx,
  input: RecordServerToolsInput,
): Promise<{ added: string[]; changed: string[]; removed: string[] }> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const { differs, seen, gone } = await compare(tx, input)
    const rows = await readTools(tx, { serverId: server.id, names: [...differs.keys(), ...gone] })
    const changes = [...differs].map(([name, listed]) => ({ ...listed, row: rows.get(name) }))
    const place = { serverId: server.id, seenBy: input.seenBy, at: ctx.now }
    const listings = await judgeAll(tx, changes, input.newToolState)
    await writeListings(tx, { ...place, listings })
    for (const listing of listings) recordJudgement(tx, ctx, { server, listing })
    await writeRemovals(tx, { ...place, names: gone })
    for (const name of gone) recordRemoval(tx, ctx, { server, row: rows.get(name)! })
    await writeSeen(tx, { ...place, names: seen })
    await writeListing(tx, ctx, { server, leftOut: input.leftOut ?? [], leftOutTotal: input.leftOutTotal ?? 0 })
    return {
      added: changes.filter(({ row }) => !row).map(({ tool }) => tool.name),
      changed: changes.filter(({ row }) => row).map(({ tool }) => tool.name),
      removed: gone,
    }
  })
}

/** What is listed for the first time, again or otherwise than before, what is listed as before, and what is listed no more. */
async function compare(tx: Tx, { serverId, tools }: RecordServerToolsInput) {
  const rows = await tx.mcpTool.findMany({
    where: { serverId },
    select: { name: true, definitionHash: true, state: true },
  })
  const known = new Map(rows.map((row) => [row.name, row]))
  const listed = new Map(tools.map((tool) => [tool.name, { tool, hash: digestOf(tool) }]))
  const isSame = (name: string, hash: string) => {
    const before = known.get(name)
    return before !== undefined && before.state !== 'removed' && before.definitionHash === hash
  }
  return {
    differs: new Map([...listed].filter(([name, { hash }]) => !isSame(name, hash))),
    seen: [...listed].filter(([name, { hash }]) => isSame(name, hash)).map(([name]) => name),
    gone: rows.filter((row) => row.state !== 'removed' && !listed.has(row.name)).map(({ name }) => name),
  }
}

async function judgeAll(
  tx: Tx,
  changes: readonly Change[],
  newToolState: RecordServerToolsInput['newToolState'],
): Promise<JudgedTool[]> {
  if (changes.length === 0) return []
  const names = new ToolNames(await everyToolName(tx))
  const judged: JudgedTool[] = []
  let since = performance.now()
  for (const { tool, hash, row } of changes) {
    if (performance.now() - since > inOneGoMs) {
      await pause()
      since = performance.now()
    }
    const known = row ? knownTool(row) : null
    const world = { otherTools: names.except(tool.name) }
    judged.push({ tool, hash, known, ...judgeListing({ known, tool, hash, newToolState, world }) })
  }
  return judged
}

function recordJudgement(tx: Tx, ctx: Ctx, { server, listing }: { server: LockedServer; listing: JudgedTool }): void {
  const { tool, hash, known, verdict, state, class: toolClass } = listing
  recordAudit(tx, ctx, {
    event: 'tool.discovered',
    ...subjectOf(server),
    tool: tool.name,
    detail: { class: toolClass, definitionHash: hash, state, verdict },
  })
  if (state !== 'quarantined' || !known?.approved) return
  const findings = storable(listing.findings.map(({ kind, path, note }) => ({ kind, path, note })))
  recordAudit(tx, ctx, {
    event: 'tool.suspended',
    ...subjectOf(server),
    tool: tool.name,
    detail: { definitionHash: hash, approvedHash: known.approved.hash, approverId: server.approverId, findings },
  })
}

function recordRemoval(tx: Tx, ctx: Ctx, { server, row }: { server: LockedServer; row: ToolRow }): void {
  const detail = { class: row.class, definitionHash: row.definitionHash, state: 'removed', verdict: 'removed' } as const
  recordAudit(tx, ctx, { event: 'tool.discovered', ...subjectOf(server), tool: row.name, detail })
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
