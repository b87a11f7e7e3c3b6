import type { Db } from '#lib/db/client.ts'
import type { Difference } from '../rules/replay.ts'
import type { ReplayFigures } from '../schema/replays.ts'
import type { Kept } from './checkpoint.ts'
import type { Attempt } from './recorded-calls.ts'

/** So many are kept of a replay, some hundred bytes each; the rest is counted. */
const differencesMax = 500_000

/** Writes what differs under the try that found it, a statement at a time: nothing that takes long is in a transaction. */
export class KeptDifferences {
  readonly leftOut: ReplayFigures['leftOut']
  readonly #db: Db
  readonly #by: Attempt
  readonly #max: number
  #kept: number

  constructor(
    db: Db,
    { by, max = differencesMax, state = null }: { by: Attempt; max?: number | undefined; state?: Kept | null },
  ) {
    this.#kept = state?.kept ?? 0
    this.leftOut = state?.leftOut ?? { differences: 0, calls: 0 }
    this.#db = db
    this.#by = by
    this.#max = max
  }

  state(): Kept {
    return { kept: this.#kept, leftOut: { ...this.leftOut } }
  }

  async add(differences: readonly Difference[]): Promise<void> {
    const kept = differences.slice(0, this.#max - this.#kept)
    for (const { calls } of differences.slice(kept.length)) {
      this.leftOut.differences += 1
      this.leftOut.calls += calls
    }
    if (kept.length === 0) return
    const { replayId, attempt } = this.#by
    const rows = JSON.stringify(kept.map((difference, index) => ({ position: this.#kept + index, ...difference })))
    await this.#db.$executeRaw`
      insert into "PolicyReplayDifference" ("replayId", "attempt", "position", "kind", "situation", "agentId", "serverId", "tool", "rule", "hours", "calls")
      select ${replayId}::uuid, ${attempt}::int, d.* from jsonb_to_recordset(${rows}::jsonb) as d("position" int, "kind" text, "situation" text,
        "agentId" text, "serverId" text, "tool" text, "rule" text, "hours" int[], "calls" int)`
    this.#kept += kept.length
  }
}

/** Removes what tries of a replay left behind that no report shows: all of those that were overtaken, and what an ended one had put aside. */
export async function clearReplay(db: Db, replayId: string): Promise<void> {
  await db.$executeRaw`
    delete from "PolicyReplayGroup" g using "PolicyReplay" r
    where r."id" = ${replayId}::uuid and g."replayId" = r."id" and (g."attempt" <> r."attempt" or r."state" not in ('queued', 'running'))`
  await db.$executeRaw`
    delete from "PolicyReplayDifference" d using "PolicyReplay" r
    where r."id" = ${replayId}::uuid and d."replayId" = r."id" and (d."attempt" <> r."attempt" or r."state" in ('failed', 'cancelled'))`
}
