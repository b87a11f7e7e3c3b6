import type { Tx } from '#lib/db/client.ts'
import { revisionOf } from '#lib/core/revision.ts'
import { lockPolicySets } from '../commands/policy-sets/lock.ts'

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

/** A rule that holds calls, with who asked for its end. */
export async function holdRuleRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "HoldRule" where "id" = ${id}::uuid for update`
  const rule = await tx.holdRule.findUnique({ where: { id } })
  return rule && revisionOf(rule)
}

/** A bypass of such a rule; how many calls it let through does not count. */
export async function holdBypassRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "HoldBypass" where "id" = ${id}::uuid for update`
  const bypass = await tx.holdBypass.findUnique({ where: { id } })
  return bypass && revisionOf(bypass)
}

/** A set of central policies by its number: its text, its note and what has become of it. */
export async function policySetRevision(tx: Tx, number: string, lock: boolean): Promise<string | null> {
  if (lock) await lockPolicySets(tx)
  const set = await tx.policySet.findUnique({ where: { number: Number(number) } })
  return set && revisionOf(set)
}

/** What a set is tried by; there is always one answer. */
export async function trialTermsRevision(tx: Tx, _: string, lock: boolean): Promise<string> {
  if (lock) await lockPolicySets(tx)
  const [terms, proposed] = [
    await tx.policyTrialTerms.findUnique({ where: { id: 1 } }),
    await tx.policyTrialProposal.findUnique({ where: { id: 1 } }),
  ]
  return revisionOf({ terms, proposed })
}
