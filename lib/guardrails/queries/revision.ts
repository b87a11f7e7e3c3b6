import type { Tx } from '#lib/db/client.ts'
import { revisionOf } from '#lib/core/revision.ts'

/** A held call and what was decided, as a text that changes with it; null: there is none. With `lock` it is held until the transaction ends. */
export async function heldCallRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "HeldCall" where "id" = ${id}::uuid for update`
  // Who waits says so all the time; that changes nothing of what is decided.
  const call = await tx.heldCall.findUnique({ where: { id }, omit: { seenAt: true } })
  return call && revisionOf(call)
}

/** A replay as it was asked for and ended, as a text that changes with it; how far it is does not count. */
export async function policyReplayRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "PolicyReplay" where "id" = ${id}::uuid for update`
  const replay = await tx.policyReplay.findUnique({
    where: { id },
    omit: { doneSeq: true, attempt: true, checkpoint: true },
  })
  return replay && revisionOf(replay)
}
