import type { Tx } from './client.ts'

/** Planning between two statements takes no longer, however long a transaction lasts. */
const planningMs = 120_000

/** Lets each statement of a transaction take so long, at PostgreSQL and here. In between it may lie idle as somebody does who plans much. */
export async function letLast(tx: Tx, ms: number): Promise<void> {
  await tx.$executeRawUnsafe(lastingSql(ms))
}

/** What a transaction says so that its statements may take longer than those of others; a connection of `CleanPool` waits for them as long. */
export function lastingSql(ms: number): string {
  const idleMs = Math.min(ms, planningMs)
  return `select set_config('statement_timeout', '${ms}', true), set_config('idle_in_transaction_session_timeout', '${idleMs}', true)`
}

/** The time that `lastingSql` asks for; null for any other statement. */
export function lastingMs(sql: string): number | null {
  const ms = /^select set_config\('statement_timeout', '(\d+)', true\)/.exec(sql)?.[1]
  return ms === undefined ? null : Number(ms)
}
