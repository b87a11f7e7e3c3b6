import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { factsOfLimit, type RecordedFacts } from '../limit-facts.ts'
import { isLimit } from '../rules.ts'
import type { Meter } from './deps.ts'
import { appendLog, isOpen, type LockedRun } from './run-log.ts'
import { limitsOfRun } from './run-limits.ts'

export type RunEnd = {
  state: 'succeeded' | 'failed' | 'stopped'
  stopReason: string
  rule?: string
  error?: string
}

/**
 * Ends a run in the open transaction: its last state, its day's figures, its audit event and the job that clears up at Claude. The caller
 * holds the run's lock; a run that has ended already stays as it is.
 */
export async function endRun(
  ctx: Ctx & { tx: Tx },
  run: LockedRun,
  options: { end: RunEnd; meter: Meter },
): Promise<boolean> {
  if (!isOpen(run.state)) return false
  const { tx } = ctx
  const { end, meter } = options
  const rule = end.rule ?? run.rule
  const ended = await tx.run.update({
    where: { id: run.id },
    data: {
      state: end.state,
      stopReason: end.stopReason,
      rule,
      endedAt: ctx.now,
      followedBy: null,
      followedUntil: null,
      ...(end.error === undefined ? {} : { error: end.error }),
    },
    select: {
      startedAt: true,
      turns: true,
      costMicros: true,
      toolCalls: true,
      agent: { select: { name: true, ownerTeamId: true } },
    },
  })
  await appendLog(tx, run.id, [
    {
      kind: 'status',
      payload: { status: end.state, stopReason: end.stopReason, ...(rule ? { rule } : {}) },
      at: ctx.now,
      key: 'end',
    },
  ])
  const { callCostMicros } = await meter.countRunEnd(tx, run.id)
  const costMicros = (ended.costMicros ?? 0n) + callCostMicros
  const facts = isLimit(rule) ? await limitFacts(ctx, run, { ...ended, rule, costMicros }) : undefined
  recordAudit(tx, ctx, {
    event: 'run.ended',
    subject: { kind: 'run', id: run.id, name: ended.agent.name },
    detail: {
      state: end.state,
      stopReason: end.stopReason,
      costMicros: ended.costMicros === null ? null : costMicros.toString(),
      toolCalls: ended.toolCalls,
      ...(facts ? { facts } : {}),
    },
    agentId: run.agentId,
    teamId: ended.agent.ownerTeamId,
    runId: run.id,
    ...(rule ? { rule } : {}),
  })
  await enqueue(tx, jobs.closeRun, { payload: { runId: run.id }, key: `close_run:${run.id}` })
  return true
}

async function limitFacts(
  { tx, now }: Ctx & { tx: Tx },
  run: LockedRun,
  ended: { rule: string; startedAt: Date | null; turns: number; costMicros: bigint },
): Promise<RecordedFacts> {
  const limits = await limitsOfRun(tx, { ...run, costMicros: ended.costMicros }, now)
  return factsOfLimit(ended.rule, { ...ended, startedAt: ended.startedAt ?? now }, limits, now)
}
