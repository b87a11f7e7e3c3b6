import type { Tx } from '#lib/db/client.ts'

/** In one statement: few enough that nobody waits for it. */
const batchSize = 10_000

/** Deletes a batch of the notes of changes that are older than a day; returns how many. */
export async function pruneFleetChanges(db: Tx): Promise<number> {
  return await db.$executeRaw`delete from "FleetChange" where "seq" in (
    select "seq" from "FleetChange" where "at" < now() - interval '1 day' order by "at" limit ${batchSize})`
}
