import type { Db } from '#lib/db/client.ts'
import { Prisma, type RunState } from '#lib/db/generated/client.ts'

/** How long a worker may follow a run without renewing; after that another one may take it over. By the database's clock. */
export const leaseSeconds = 10

export type LeasedRun = {
  id: string
  agentId: string
  agentVersion: number
  claudeSessionId: string
  claudeVaultId: string | null
  claudeCredentialIds: string[]
  tokenExpiresAt: Date | null
  state: RunState
  startedAt: Date
  turns: number
  /** As far as it is known. */
  costMicros: bigint
  agentStatus: string
}

/** What a run has cost: the model, where its usage has a price, and calls of tools. */
const costSoFar = Prisma.sql`coalesce(r."costMicros", 0) + coalesce((select c."costMicros" from "RunCallCost" c where c."runId" = r."id"), 0)`

/** Takes open runs that have a session and that nobody follows; of two workers that ask at once each run goes to one. */
export async function takeLeases(db: Db, holder: string, count: number): Promise<LeasedRun[]> {
  if (count <= 0) return []
  return db.$queryRaw<LeasedRun[]>`
    update "Run" r set "followedBy" = ${holder}, "followedUntil" = now() + make_interval(secs => ${leaseSeconds})
    from "Agent" a
    where a."id" = r."agentId" and r."id" in (
      select "id" from "Run" where "state" in ('running', 'stopping') and "claudeSessionId" is not null and "startedAt" is not null
        and not "demo" and ("followedUntil" is null or "followedUntil" < now())
      order by "createdAt" limit ${count} for update skip locked)
    returning r."id", r."agentId", r."agentVersion", r."claudeSessionId", r."claudeVaultId", r."claudeCredentialIds",
      r."tokenExpiresAt", r."state", r."startedAt", r."turns", ${costSoFar} as "costMicros", a."status"::text as "agentStatus"`
}

/** Renews the leases the holder still has and says how the runs are; one that is missing has ended or was taken over. */
export async function renewLeases(db: Db, holder: string, ids: readonly string[]): Promise<LeasedRun[]> {
  if (ids.length === 0) return []
  return db.$queryRaw<LeasedRun[]>`
    update "Run" r set "followedUntil" = now() + make_interval(secs => ${leaseSeconds})
    from "Agent" a
    where a."id" = r."agentId" and r."id" = any(${[...ids]}::uuid[]) and r."followedBy" = ${holder}
      and r."state" in ('running', 'stopping')
    returning r."id", r."agentId", r."agentVersion", r."claudeSessionId", r."claudeVaultId", r."claudeCredentialIds",
      r."tokenExpiresAt", r."state", r."startedAt", r."turns", ${costSoFar} as "costMicros", a."status"::text as "agentStatus"`
}

/** Gives a run back, so that another worker need not wait for the lease to run out. */
export async function releaseLease(db: Db, holder: string, runId: string): Promise<void> {
  await db.run.updateMany({
    where: { id: runId, followedBy: holder },
    data: { followedBy: null, followedUntil: null },
  })
}
