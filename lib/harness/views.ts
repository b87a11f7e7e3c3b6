import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { EscalationView, RunRow } from './schema.ts'

export const runRowSelect = {
  id: true,
  agentId: true,
  agentVersion: true,
  trigger: true,
  state: true,
  rule: true,
  simulated: true,
  demo: true,
  requestedById: true,
  createdAt: true,
  startedAt: true,
  endedAt: true,
  stopReason: true,
  summary: true,
  costMicros: true,
  turns: true,
  toolCalls: true,
  deniedCalls: true,
  escalationCount: true,
  callCost: { select: { costMicros: true } },
  agent: { select: { name: true } },
} satisfies Prisma.RunSelect
type RunRecord = Prisma.RunGetPayload<{ select: typeof runRowSelect }>

export const escalationSelect = {
  id: true,
  runId: true,
  agentId: true,
  kind: true,
  title: true,
  detail: true,
  createdAt: true,
  resolvedAt: true,
  resolvedBy: true,
  agent: { select: { name: true } },
} satisfies Prisma.EscalationSelect
type EscalationRecord = Prisma.EscalationGetPayload<{ select: typeof escalationSelect }>

/** Names of people by id; somebody who is gone keeps the id as the name. */
export async function namesOf(db: Tx, ids: readonly (string | null)[]): Promise<(id: string) => string> {
  const wanted = [...new Set(ids.filter((id) => id !== null))]
  const people = wanted.length
    ? await db.person.findMany({ where: { id: { in: wanted } }, select: { id: true, name: true } })
    : []
  const names = new Map(people.map((person) => [person.id, person.name]))
  return (id) => names.get(id) ?? id
}

export function toRunRow(row: RunRecord, nameOf: (id: string) => string): RunRow {
  const callCost = row.callCost?.costMicros ?? 0n
  return {
    id: row.id,
    agentId: row.agentId,
    agentName: row.agent.name,
    agentVersion: row.agentVersion,
    trigger: row.trigger,
    state: row.state,
    rule: row.rule,
    simulated: row.simulated,
    demo: row.demo,
    requestedBy: row.requestedById === null ? null : { id: row.requestedById, name: nameOf(row.requestedById) },
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
    stopReason: row.stopReason,
    summary: row.summary,
    costMicros: row.costMicros === null ? null : (row.costMicros + callCost).toString(),
    callCostMicros: callCost.toString(),
    turns: row.turns,
    toolCalls: row.toolCalls,
    deniedCalls: row.deniedCalls,
    escalationCount: row.escalationCount,
  }
}

export function toEscalationView(row: EscalationRecord, nameOf: (id: string) => string): EscalationView {
  return {
    id: row.id,
    runId: row.runId,
    agentId: row.agentId,
    agentName: row.agent.name,
    kind: row.kind,
    title: row.title,
    detail: row.detail as Record<string, unknown>,
    createdAt: row.createdAt.toISOString(),
    resolvedAt: row.resolvedAt?.toISOString() ?? null,
    resolvedBy: row.resolvedBy === null ? null : { id: row.resolvedBy, name: nameOf(row.resolvedBy) },
  }
}

type Position = { createdAt: Date; id: string }

/** Opaque to callers: the last row of a page, newest first. */
export function encodeCursor(row: Position): string {
  return Buffer.from(`${row.createdAt.getTime()}_${row.id}`).toString('base64url')
}

/** Rows after the cursor, newest first; throws `invalid` for anything that is not a cursor. */
export function afterCursor(cursor: string | undefined) {
  if (cursor === undefined) return {}
  const match = /^(\d{1,15})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(
    Buffer.from(cursor, 'base64url').toString(),
  )
  if (!match) throw new DomainError('invalid', 'This page does not exist.', { field: 'cursor' })
  const createdAt = new Date(Number(match[1]))
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: match[2]! } }] }
}
