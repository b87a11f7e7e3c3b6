import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import type { PolicyReplay } from '#lib/db/generated/client.ts'
import { clearReplay, KeptDifferences } from '../replay/kept-differences.ts'
import type { Attempt } from '../replay/recorded-calls.ts'
import { replayCalls } from '../replay/replay-calls.ts'
import { replayedSet } from '../replay/replayed-set.ts'
import { replaySubject } from '../rules/replay-words.ts'
import type { ReplayFigures } from '../schema/replays.ts'

/** How long a report is kept. */
const keptDays = 90

/** Ends a replay that has not ended; what it has read so far is given up. Throws `conflict` when it has ended. Needs `policies:manage`. */
export async function cancelPolicyReplay(ctx: Ctx, { replayId }: { replayId: string }): Promise<void> {
  authorize(ctx, 'policies:manage')
  await inTx(ctx, async (tx, ctx) => {
    const replay = await lockReplay(tx, replayId)
    if (!isOpen(replay)) throw new DomainError('conflict', `This replay has ended: it is ${replay.state}.`)
    await tx.policyReplay.update({ where: { id: replayId }, data: { state: 'cancelled', endedAt: ctx.now } })
    recordEnd(tx, ctx, { replay, outcome: 'cancelled' })
  })
}

/**
 * The worker's part: decides the recorded calls again and keeps what differs. May run twice: one that was overtaken by another try, or cancelled, writes
 * nothing more. After the last try it has failed, with the reason. For our own processes; needs `policies:manage`.
 */
export async function runPolicyReplay(
  ctx: Ctx,
  {
    replayId,
    last = false,
    now = () => new Date(),
    keptMax,
  }: { replayId: string; last?: boolean; now?: () => Date; keptMax?: number },
): Promise<void> {
  authorize(ctx, 'policies:manage')
  const attempt = await takeUp(ctx, replayId)
  await clearReplay(ctx.db, replayId)
  if (attempt === null) return
  try {
    const figures = await decideAgain(ctx, { replayId, attempt, keptMax })
    await finish({ ...ctx, now: now() }, { replayId, attempt, figures })
  } catch (error) {
    if (error instanceof NotMine) return
    if (last) await fail({ ...ctx, now: now() }, { replayId, attempt, error })
    throw error
  } finally {
    await clearReplay(ctx.db, replayId)
  }
}

/** Forgets reports that are older than what a replay can look at; the audit log keeps that they were. Needs `policies:manage`. */
export async function forgetPolicyReplays(ctx: Ctx): Promise<number> {
  authorize(ctx, 'policies:manage')
  const before = new Date(ctx.now.getTime() - keptDays * 86_400_000)
  const { count } = await ctx.db.policyReplay.deleteMany({ where: { endedAt: { lt: before } } })
  return count
}

/** It was cancelled, or another try has it. */
class NotMine extends Error {
  override readonly name = 'NotMine'
}

type Replay = { id: string; setNumber: number | null; setVersion: string; state: string; attempt: number }

/** Which try this is; null when there is nothing to do. */
async function takeUp(ctx: Ctx, replayId: string): Promise<number | null> {
  return await inTx(ctx, async (tx, ctx) => {
    const replay = await lockReplay(tx, replayId)
    if (!isOpen(replay)) return null
    const attempt = replay.attempt + 1
    await tx.policyReplay.update({ where: { id: replayId }, data: { state: 'running', attempt, startedAt: ctx.now } })
    return attempt
  })
}

async function decideAgain(
  ctx: Ctx,
  { replayId, attempt, keptMax }: Attempt & { keptMax: number | undefined },
): Promise<ReplayFigures> {
  const { db } = ctx
  const replay = await db.policyReplay.findUniqueOrThrow({ where: { id: replayId } })
  const { fromAt: from, afterSeq, upToSeq } = replay
  const set = await replayedSet(await textOf(ctx, replay))
  if (set.problem) throw new Error(set.problem)
  const by = { replayId, attempt }
  const kept = new KeptDifferences(db, { by, max: keptMax })
  const figures = await replayCalls(db, {
    by,
    range: { from, afterSeq, upToSeq },
    set,
    onDifferences: (differences) => kept.add(differences),
    async onProgress(doneSeq) {
      const mine = { id: replayId, attempt, state: 'running' as const }
      const { count } = await db.policyReplay.updateMany({ where: mine, data: { doneSeq } })
      if (count === 0) throw new NotMine()
    },
  })
  return { ...figures, leftOut: kept.leftOut }
}

type Text = { number: number; version: string; policies: readonly string[] }

async function textOf(ctx: Ctx, replay: Pick<PolicyReplay, 'setNumber' | 'setVersion' | 'policies'>): Promise<Text> {
  const { setNumber: number, setVersion: version, policies } = replay
  if (number === null) return { number: 0, version, policies }
  const select = { number: true, version: true, policies: true }
  const set = await ctx.db.policySet.findUniqueOrThrow({ where: { number }, select })
  if (set.version !== version) throw new Error('The text of the set was changed meanwhile: replay it again.')
  return set
}

async function finish(ctx: Ctx, done: Attempt & { figures: ReplayFigures }): Promise<void> {
  const { replayId, attempt, figures } = done
  await inTx(ctx, async (tx, ctx) => {
    const replay = await lockReplay(tx, replayId)
    if (replay.attempt !== attempt || !isOpen(replay)) throw new NotMine()
    await tx.policyReplay.update({
      where: { id: replayId },
      data: { state: 'done', report: figures, endedAt: ctx.now },
    })
    recordEnd(tx, ctx, { replay, outcome: 'done', figures })
  })
}

async function fail(ctx: Ctx, failed: Attempt & { error: unknown }): Promise<void> {
  const { replayId, attempt, error } = failed
  await inTx(ctx, async (tx, ctx) => {
    const replay = await lockReplay(tx, replayId)
    if (replay.attempt !== attempt || !isOpen(replay)) return
    const text = (error instanceof Error ? error.message : String(error)).slice(0, 1000)
    await tx.policyReplay.update({ where: { id: replayId }, data: { state: 'failed', error: text, endedAt: ctx.now } })
    recordEnd(tx, ctx, { replay, outcome: 'failed' })
  })
}

async function lockReplay(tx: Tx, replayId: string): Promise<Replay> {
  const [replay] = await tx.$queryRaw<Replay[]>`
    select "id", "setNumber", "setVersion", "state"::text, "attempt" from "PolicyReplay" where "id" = ${replayId}::uuid for update`
  if (!replay) throw new DomainError('not_found', 'There is no such replay.')
  return replay
}

function isOpen({ state }: { state: string }): boolean {
  return state === 'queued' || state === 'running'
}

function recordEnd(
  tx: Tx,
  ctx: Ctx,
  { replay, outcome, figures }: { replay: Replay; outcome: 'done' | 'failed' | 'cancelled'; figures?: ReplayFigures },
): void {
  const { id, setNumber: number, setVersion: version } = replay
  recordAudit(tx, ctx, {
    event: 'policy_replay.ended',
    subject: replaySubject(id, number),
    detail: {
      number,
      version,
      outcome,
      figures: figures
        ? {
            calls: figures.calls,
            judged: figures.judged,
            blocked: figures.blocked.calls,
            permitted: figures.permitted.calls,
          }
        : null,
    },
  })
}
