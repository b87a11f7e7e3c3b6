import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { type PolicyReplay, Prisma } from '#lib/db/generated/client.ts'
import { askedOf, readCheckpoint, takeOver } from '../replay/checkpoint.ts'
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
    const { state } = await endOpenReplay(tx, ctx, replayId)
    if (state !== null) throw new DomainError('conflict', `This replay has ended: it is ${state}.`)
  })
}

/** Cancels it unless it has ended; says how it had, null when it was open. */
export async function endOpenReplay(tx: Tx, ctx: Ctx, replayId: string): Promise<{ state: string | null }> {
  const replay = await lockReplay(tx, replayId)
  if (!isOpen(replay)) return { state: replay.state }
  await tx.policyReplay.update({ where: { id: replayId }, data: { state: 'cancelled', endedAt: ctx.now } })
  recordEnd(tx, ctx, { replay, outcome: 'cancelled' })
  return { state: null }
}

/**
 * The worker's part: decides the recorded calls again and keeps what differs. It goes on where a try before was, if that got anywhere. May run twice: one that was
 * overtaken by another try, or cancelled, writes nothing more. After the last try it has failed, with the reason. For our own processes; needs `policies:manage`.
 */
export async function runPolicyReplay(
  ctx: Ctx,
  {
    replayId,
    last = false,
    now = () => new Date(),
    ...limits
  }: { replayId: string; last?: boolean; now?: () => Date } & Limits,
): Promise<void> {
  authorize(ctx, 'policies:manage')
  const attempt = await takeUp(ctx, replayId)
  await clearReplay(ctx.db, replayId)
  if (attempt === null) return
  try {
    const figures = await decideAgain(ctx, { replayId, attempt, ...limits })
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

/** For tests: how many differences are kept, how large the parts are, and how often it is noted what was found. */
type Limits = { keptMax?: number; parts?: { rows?: number; groups?: number }; noteEveryMs?: number }

/** What it has found is noted so often at most: while it judges, that is more with every agent. */
const noteEveryMsMax = 2000

/** Which try this is; null when there is nothing to do. What the one before had found up to its checkpoint is taken over. */
async function takeUp(ctx: Ctx, replayId: string): Promise<number | null> {
  return await inTx(ctx, async (tx, ctx) => {
    const replay = await lockReplay(tx, replayId)
    if (!isOpen(replay)) return null
    const attempt = replay.attempt + 1
    const { checkpoint, ...row } = await tx.policyReplay.findUniqueOrThrow({ where: { id: replayId } })
    const at = readCheckpoint(checkpoint, (await textOf({ ...ctx, tx }, row).catch(() => null))?.policies ?? [])
    if (at) await takeOver(tx, { replayId, from: replay.attempt, to: attempt, at })
    const anew = at ? {} : { checkpoint: Prisma.DbNull, doneSeq: row.afterSeq }
    const data = { state: 'running', attempt, startedAt: ctx.now, ...anew } as const
    await tx.policyReplay.update({ where: { id: replayId }, data })
    return attempt
  })
}

async function decideAgain(
  ctx: Ctx,
  { replayId, attempt, keptMax, parts = {}, noteEveryMs = noteEveryMsMax }: Attempt & Limits,
): Promise<ReplayFigures> {
  const { db } = ctx
  const replay = await db.policyReplay.findUniqueOrThrow({ where: { id: replayId } })
  const { fromAt, afterSeq, upToSeq } = replay
  const text = await textOf(ctx, replay)
  const set = await replayedSet(text)
  if (set.problem) throw new Error(set.problem)
  const by = { replayId, attempt }
  const asked = askedOf(text.policies)
  const from = readCheckpoint(replay.checkpoint, text.policies)
  const kept = new KeptDifferences(db, { by, max: keptMax, state: from?.kept ?? null })
  let notedAt = performance.now()
  const figures = await replayCalls(db, {
    by,
    range: { from: fromAt, afterSeq, upToSeq },
    set,
    from,
    parts,
    onDifferences: (differences) => kept.add(differences),
    async onProgress({ doneSeq, judged, compared }) {
      const mine = { id: replayId, attempt, state: 'running' as const }
      const note = judged === null || performance.now() - notedAt >= noteEveryMs
      if (note) notedAt = performance.now()
      const checkpoint = note && { asked, doneSeq, judged, compared: compared(), kept: kept.state() }
      const data = { doneSeq: BigInt(doneSeq), ...(checkpoint ? { checkpoint } : {}) }
      const { count } = await db.policyReplay.updateMany({ where: mine, data })
      if (count === 0) throw new NotMine()
    },
  })
  return { ...figures, leftOut: kept.leftOut }
}

type Text = { number: number; version: string; policies: readonly string[] }

async function textOf(
  ctx: Pick<Ctx, 'db' | 'tx'>,
  replay: Pick<PolicyReplay, 'setNumber' | 'setVersion' | 'policies'>,
): Promise<Text> {
  const { setNumber: number, setVersion: version, policies } = replay
  if (number === null) return { number: 0, version, policies }
  const select = { number: true, version: true, policies: true }
  const set = await (ctx.tx ?? ctx.db).policySet.findUniqueOrThrow({ where: { number }, select })
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
      data: { state: 'done', report: figures, endedAt: ctx.now, checkpoint: Prisma.DbNull },
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
