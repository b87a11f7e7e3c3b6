import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { revisionOf } from '#lib/core/revision.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import {
  type EscalationListQuery,
  type EscalationPage,
  type EscalationView,
  openRunStates,
  type RunEventPayload,
  type RunEventView,
  type RunListQuery,
  type RunPage,
  type RunView,
} from './schema.ts'
import {
  afterCursor,
  encodeCursor,
  escalationSelect,
  namesOf,
  runRowSelect,
  toEscalationView,
  toRunRow,
} from './views.ts'

const newestFirst = [{ createdAt: 'desc' as const }, { id: 'desc' as const }]
/** So many lines of a run log are read at once. */
export const runEventsMax = 500

/** Runs, newest first, a page at a time. Needs `runs:read`. */
export async function listRuns(ctx: Ctx, query: RunListQuery): Promise<RunPage> {
  authorize(ctx, 'runs:read')
  const db = reader(ctx)
  const where: Prisma.RunWhereInput = {
    agentId: query.agent,
    trigger: query.trigger,
    ...(query.state ? { state: query.state } : {}),
    ...(query.open === undefined
      ? {}
      : { AND: { state: query.open ? { in: [...openRunStates] } : { notIn: [...openRunStates] } } }),
  }
  const rows = await db.run.findMany({
    where: { ...where, ...afterCursor(query.cursor) },
    orderBy: newestFirst,
    take: query.limit + 1,
    select: runRowSelect,
  })
  const page = rows.slice(0, query.limit)
  const nameOf = await namesOf(
    db,
    page.map((row) => row.requestedById),
  )
  return {
    items: page.map((row) => toRunRow(row, nameOf)),
    total: await db.run.count({ where }),
    nextCursor: rows.length > query.limit ? encodeCursor(page.at(-1)!) : null,
  }
}

/** One run with its escalations. Needs `runs:read`; throws `not_found`. */
export async function getRun(ctx: Ctx, runId: string): Promise<RunView> {
  authorize(ctx, 'runs:read')
  if (!z.uuid().safeParse(runId).success) throw runNotFound()
  const db = reader(ctx)
  const row = await db.run.findUnique({
    where: { id: runId },
    select: {
      ...runRowSelect,
      input: true,
      error: true,
      model: true,
      inputTokens: true,
      outputTokens: true,
      cacheReadTokens: true,
      cacheWriteTokens: true,
      listCostMicros: true,
      activeMs: true,
      claudeSessionId: true,
      agent: { select: { name: true, ownerTeam: { select: { id: true, name: true } } } },
      escalations: { orderBy: { createdAt: 'asc' }, select: escalationSelect },
    },
  })
  if (!row) throw runNotFound()
  const nameOf = await namesOf(db, [row.requestedById, ...row.escalations.map((escalation) => escalation.resolvedBy)])
  return {
    ...toRunRow(row, nameOf),
    teamId: row.agent.ownerTeam.id,
    teamName: row.agent.ownerTeam.name,
    input: row.input,
    error: row.error,
    model: row.model,
    tokens: {
      input: Number(row.inputTokens),
      output: Number(row.outputTokens),
      cacheRead: Number(row.cacheReadTokens),
      cacheWrite: Number(row.cacheWriteTokens),
    },
    listCostMicros: row.listCostMicros?.toString() ?? null,
    decisionId: row.state === 'refused' ? await refusalOf(db, runId) : null,
    activeMs: Number(row.activeMs),
    claudeSessionId: row.claudeSessionId,
    escalations: row.escalations.map((escalation) => toEscalationView(escalation, nameOf)),
  }
}

async function refusalOf(db: Tx, runId: string): Promise<string | null> {
  const event = await db.auditEvent.findFirst({ where: { runId, event: 'run.refused' }, select: { id: true } })
  return event?.id ?? null
}

/** The run log after a sequence number (0: from the start), in order, at most 500. Needs `runs:read`. */
export async function listRunEvents(ctx: Ctx, query: { runId: string; after: number }): Promise<RunEventView[]> {
  authorize(ctx, 'runs:read')
  const rows = await reader(ctx).runEvent.findMany({
    where: { runId: query.runId, seq: { gt: query.after } },
    orderBy: { seq: 'asc' },
    take: runEventsMax,
    select: { seq: true, at: true, kind: true, payload: true },
  })
  return rows.map((row) => ({
    seq: row.seq,
    at: row.at.toISOString(),
    ...({ kind: row.kind, payload: row.payload } as RunEventPayload),
  }))
}

/** Escalations, newest first. Needs `runs:read`. */
export async function listEscalations(ctx: Ctx, query: EscalationListQuery): Promise<EscalationPage> {
  authorize(ctx, 'runs:read')
  const db = reader(ctx)
  const where: Prisma.EscalationWhereInput = {
    agentId: query.agent,
    runId: query.run,
    kind: query.kind,
    ...(query.open === undefined ? {} : { resolvedAt: query.open ? null : { not: null } }),
  }
  const rows = await db.escalation.findMany({
    where: { ...where, ...afterCursor(query.cursor) },
    orderBy: newestFirst,
    take: query.limit + 1,
    select: escalationSelect,
  })
  const page = rows.slice(0, query.limit)
  const nameOf = await namesOf(
    db,
    page.map((row) => row.resolvedBy),
  )
  return {
    items: page.map((row) => toEscalationView(row, nameOf)),
    total: await db.escalation.count({ where }),
    nextCursor: rows.length > query.limit ? encodeCursor(page.at(-1)!) : null,
  }
}

function runNotFound(): DomainError {
  return new DomainError('not_found', 'That run does not exist.')
}

/** What has become of a run, as a text that changes with its state; null: there is none. With `lock` it is held until the transaction ends. */
export async function runRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "Run" where "id" = ${id}::uuid for update`
  const run = await tx.run.findUnique({ where: { id }, select: { id: true, state: true, rule: true } })
  return run && revisionOf(run)
}

/** An escalation and whether it is dealt with, as a text that changes with it; null: there is none. With `lock` it is held until the transaction ends. */
export async function escalationRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "Escalation" where "id" = ${id}::uuid for update`
  const escalation = await tx.escalation.findUnique({ where: { id } })
  return escalation && revisionOf(escalation)
}

/** One escalation. Needs `runs:read`; throws `not_found`. */
export async function getEscalation(ctx: Ctx, id: string): Promise<EscalationView> {
  authorize(ctx, 'runs:read')
  const db = reader(ctx)
  const row = await db.escalation.findUnique({ where: { id }, select: escalationSelect })
  if (!row) throw new DomainError('not_found', 'That escalation does not exist.')
  return toEscalationView(row, await namesOf(db, [row.resolvedBy]))
}
