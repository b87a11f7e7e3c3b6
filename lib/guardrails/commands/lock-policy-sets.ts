import type { Tx } from '#lib/db/client.ts'

/** Whoever changes a policy set takes turns until the end of the transaction: their numbers have no gap, and what is enforced follows one after the other. */
export async function lockPolicySets(tx: Tx): Promise<void> {
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('policies:manage'))`
}
