import type { Tx } from '#lib/db/client.ts'
import { Comparison, type Difference, type RecordedGroup, RecordedCalls } from '../rules/replay.ts'
import type { ReplayFigures } from '../schema/replays.ts'
import type { ReplayedSet } from './replayed-set.ts'
import { type RecordedRange, recordedGroups, situationsOf } from './recorded-calls.ts'

/** Rows of the log that are read in one statement: a second's work, so that progress moves and a cancellation is heard. */
const rowsAtOnce = 50_000n
const situationsAtOnce = 1000

/**
 * Decides recorded calls again: reads the log in parts, adds up what is alike, and asks the set once for each situation. `onProgress` hears how far in
 * the log it is, and ends the replay by throwing.
 */
export async function replayCalls(
  tx: Tx,
  {
    range,
    set,
    onProgress,
  }: {
    range: RecordedRange
    set: Pick<ReplayedSet, 'version' | 'timed' | 'verdict'>
    onProgress: (doneSeq: bigint) => Promise<void>
  },
): Promise<{ figures: ReplayFigures; differences: Difference[] }> {
  const recorded = new RecordedCalls()
  for (let after = range.afterSeq; after < range.upToSeq;) {
    const upTo = after + rowsAtOnce < range.upToSeq ? after + rowsAtOnce : range.upToSeq
    recorded.add(await recordedGroups(tx, { from: range.from, afterSeq: after, upToSeq: upTo, timed: set.timed }))
    after = upTo
    await onProgress(after)
  }
  const comparison = new Comparison(set.version)
  const groups = bySituation(recorded, comparison)
  const situations = [...groups.keys()]
  for (let at = 0; at < situations.length; at += situationsAtOnce) {
    const part = situations.slice(at, at + situationsAtOnce)
    const known = await situationsOf(tx, part)
    for (const situation of part) {
      const facts = known.get(situation)
      const own = groups.get(situation)!
      if (facts) comparison.addSituation(situation, { facts, groups: own, verdict: set.verdict })
      else for (const group of own) comparison.addUnnamed({ ...group, rule: 'policy_unknown' })
    }
    await onProgress(range.upToSeq)
  }
  return comparison.result()
}

/** What names a situation, by it; the rest is counted at once. */
function bySituation(recorded: RecordedCalls, comparison: Comparison): Map<string, RecordedGroup[]> {
  const groups = new Map<string, RecordedGroup[]>()
  for (const group of recorded.groups()) {
    if (group.situation === null) comparison.addUnnamed(group)
    else {
      const own = groups.get(group.situation)
      if (own) own.push(group)
      else groups.set(group.situation, [group])
    }
  }
  return groups
}
