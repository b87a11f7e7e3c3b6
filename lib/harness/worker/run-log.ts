import type { Tx } from '#lib/db/client.ts'
import type { RunState } from '#lib/db/generated/client.ts'
import { openRunStates, type RunEventPayload } from '../schema.ts'

/** One line of the run log. The key makes a repeated one disappear; a null key is never a repetition. */
export type LogEntry = RunEventPayload & { at: Date; key: string | null }

export type LockedRun = {
  id: string
  agentId: string
  agentVersion: number
  state: RunState
  rule: string | null
  followedBy: string | null
  claudeSessionId: string | null
  error: string | null
}

/** The run, locked until the transaction ends: whoever writes its log, its counts or its state holds this lock. */
export async function lockRun(tx: Tx, runId: string): Promise<LockedRun | null> {
  const rows = await tx.$queryRaw<LockedRun[]>`
    select "id", "agentId", "agentVersion", "state", "rule", "followedBy", "claudeSessionId", "error"
    from "Run" where "id" = ${runId}::uuid for update`
  return rows[0] ?? null
}

export function isOpen(state: RunState): boolean {
  return (openRunStates as readonly RunState[]).includes(state)
}

/** Appends in order, leaving out what is there already. The caller holds the run's lock, so the sequence has no gap. */
export async function appendLog(tx: Tx, runId: string, entries: readonly LogEntry[]): Promise<void> {
  for (const { kind, payload, at, key } of entries) {
    await tx.$executeRaw`
      insert into "RunEvent" ("runId", "seq", "at", "kind", "payload", "claudeEventId")
      select ${runId}::uuid, coalesce(max("seq"), 0) + 1, ${at}, ${kind}, ${JSON.stringify(payload)}::jsonb, ${key}
      from "RunEvent" where "runId" = ${runId}::uuid
      on conflict ("runId", "claudeEventId") do nothing`
  }
}

/** Whether the log has an entry of that key. */
export async function isLogged(tx: Tx, runId: string, key: string): Promise<boolean> {
  return (await tx.runEvent.count({ where: { runId, claudeEventId: key } })) > 0
}
