import type { Tx } from '#lib/db/client.ts'
import { Comparison, type Difference } from '../rules/replay.ts'
import type { ReplayFigures } from '../schema/replays.ts'
import type { Checkpoint, Compared } from './checkpoint.ts'
import { type Attempt, putAside, type RecordedRange, situationsAside, situationsOf } from './recorded-calls.ts'
import type { ReplayedSet } from './replayed-set.ts'

/** Rows of the log that are read in one statement: a second's work, so that progress moves and a cancellation is heard. */
const rowsAtOnce = 50_000n

type Replayed = {
  /** Has to exist: what is read is put aside under it. */
  by: Attempt
  range: RecordedRange
  set: Pick<ReplayedSet, 'version' | 'timed' | 'verdict'>
  /** Where another try was; null: from the beginning. */
  from?: Pick<Checkpoint, 'doneSeq' | 'judged' | 'compared'> | null
  /** For tests: parts small enough that a few calls are several. */
  parts?: { rows?: number | undefined; groups?: number | undefined }
  /** Hears how far it is and what it has found by then, and ends the replay by throwing. */
  onProgress: (at: Pick<Checkpoint, 'doneSeq' | 'judged'> & { compared: () => Compared }) => Promise<void>
  /** Takes what differs, as it is found. */
  onDifferences: (differences: readonly Difference[]) => Promise<void>
}

/**
 * Decides recorded calls again: reads the log in parts, puts aside what is alike in the database, and asks the set once for each situation. Its memory does
 * not grow with the log, nor with how many situations there are.
 */
export async function replayCalls(tx: Tx, replayed: Replayed): Promise<Omit<ReplayFigures, 'leftOut'>> {
  const { by, range, set, from = null, parts = {}, onProgress, onDifferences } = replayed
  const comparison = new Comparison(set.version, from?.compared)
  const compared = () => comparison.state()
  const step = BigInt(parts.rows ?? rowsAtOnce)
  const upToSeq = String(range.upToSeq)
  for (let after = from ? BigInt(from.doneSeq) : range.afterSeq; after < range.upToSeq;) {
    const upTo = after + step < range.upToSeq ? after + step : range.upToSeq
    const part = { from: range.from, afterSeq: after, upToSeq: upTo }
    for (const group of await putAside(tx, { range: part, timed: set.timed, by })) comparison.addUnnamed(group)
    after = upTo
    await onProgress({ doneSeq: String(after), judged: null, compared })
  }
  for await (const part of situationsAside(tx, { ...by, after: from?.judged ?? null, atOnce: parts.groups })) {
    const known = await situationsOf(
      tx,
      part.map(({ situation }) => situation),
    )
    const differences: Difference[] = []
    for (const { situation, groups } of part) {
      const facts = known.get(situation)
      if (facts) {
        const about = { facts, groups: groups.all(), verdict: set.verdict }
        differences.push(...comparison.addSituation(situation, about))
      } else for (const group of groups.all()) comparison.addUnnamed({ ...group, rule: 'policy_unknown' })
    }
    await onDifferences(differences)
    await onProgress({ doneSeq: upToSeq, judged: part.at(-1)!.situation, compared })
  }
  return comparison.result()
}
