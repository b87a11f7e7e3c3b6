import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { storable } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import { finding } from '../rules/tool-findings.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'
import { type JudgedTool, readTools, writeState } from './tool-rows.ts'

type Named = { serverId: string; seenBy: string; names: readonly string[] }

export function recordJudgement(
  tx: Tx,
  ctx: Ctx,
  { server, listing }: { server: LockedServer; listing: JudgedTool },
): void {
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

/** Keeps in the open transaction that tools are listed no more. */
export async function recordRemovals(tx: Tx, ctx: Ctx, { serverId, seenBy, names }: Named): Promise<void> {
  const server = await lockServer(tx, serverId)
  const rows = [...(await readTools(tx, { serverId, names })).values()].filter(({ state }) => state !== 'removed')
  const gone = rows.map(({ name }) => name)
  await writeState(tx, {
    serverId,
    seenBy,
    at: ctx.now,
    names: gone,
    state: 'removed',
    verdict: 'removed',
    findings: [],
  })
  for (const { name, class: toolClass, definitionHash } of rows) {
    const detail = { class: toolClass, definitionHash, state: 'removed', verdict: 'removed' } as const
    recordAudit(tx, ctx, { event: 'tool.discovered', ...subjectOf(server), tool: name, detail })
  }
}

/** Suspends in the open transaction tools of which something new could not be kept, until a later round can: what they are now nobody has judged. */
export async function suspendUnrecorded(tx: Tx, ctx: Ctx, { serverId, seenBy, names }: Named): Promise<void> {
  const server = await lockServer(tx, serverId)
  const rows = [...(await readTools(tx, { serverId, names })).values()].filter(({ state }) => state === 'approved')
  const open = rows.map(({ name }) => name)
  const findings = [finding('unjudged', '', 'What its server lists now could not be kept.')]
  const change = { state: 'quarantined', verdict: 'suspended', findings } as const
  await writeState(tx, { serverId, seenBy, at: ctx.now, names: open, ...change })
  for (const { name, definitionHash, approvedHash } of rows) {
    const approved = { approvedHash: approvedHash ?? definitionHash, approverId: server.approverId }
    const found = findings.map(({ kind, path, note }) => ({ kind, path, note }))
    const detail = { definitionHash, ...approved, findings: found }
    recordAudit(tx, ctx, { event: 'tool.suspended', ...subjectOf(server), tool: name, detail })
  }
}
