import { z } from 'zod'
import type { Tx } from '#lib/db/client.ts'
import { versionOf } from '../cedar/policy-set.ts'
import { policySchema } from '../queries/policy-source.ts'

const count = z.int().nonnegative()
const sum = z.strictObject({ calls: count, agents: z.array(z.string()) })

/** What a comparison has added up. */
const compared = z.strictObject({
  figures: z.strictObject({
    calls: count,
    judged: count,
    unjudged: count,
    unjudgedUntil: z.string().nullable(),
    untouched: count,
    strangers: count,
    otherRule: count,
    unreproduced: count,
    situations: count,
  }),
  against: z.array(z.tuple([z.string(), count])),
  blocked: sum,
  permitted: sum,
})
export type Compared = z.infer<typeof compared>

/** Differences that are kept, and what was left out. */
const kept = z.strictObject({ kept: count, leftOut: z.strictObject({ differences: count, calls: count }) })
export type Kept = z.infer<typeof kept>

const checkpoint = z.strictObject({
  /** Of policies and schema of the release that wrote it: another one begins anew. */
  asked: z.string(),
  doneSeq: z.string(),
  /** The last situation that was judged; null while the log is read. */
  judged: z.string().nullable(),
  compared,
  kept,
})
export type Checkpoint = z.infer<typeof checkpoint>

export function askedOf(policies: readonly string[]): string {
  return versionOf({ schema: policySchema, policies })
}

/** What a try before has left, if this release can go on with it. */
export function readCheckpoint(stored: unknown, policies: readonly string[]): Checkpoint | null {
  const read = checkpoint.safeParse(stored)
  return read.success && read.data.asked === askedOf(policies) ? read.data : null
}

/** Takes over what another try has put aside and found up to its checkpoint; what it did after that is left to be removed. */
export async function takeOver(
  tx: Tx,
  { replayId, from, to, at }: { replayId: string; from: number; to: number; at: Checkpoint },
): Promise<void> {
  await tx.$executeRaw`
    update "PolicyReplayGroup" set "attempt" = ${to}
    where "replayId" = ${replayId}::uuid and "attempt" = ${from} and "firstSeq" <= ${BigInt(at.doneSeq)}`
  await tx.$executeRaw`
    update "PolicyReplayDifference" set "attempt" = ${to}
    where "replayId" = ${replayId}::uuid and "attempt" = ${from} and "position" < ${at.kept.kept}`
}
