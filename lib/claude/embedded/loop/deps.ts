import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import type { EventBus } from '../events/bus.ts'
import type { Journal, Writer } from '../events/journal.ts'
import { ApiError } from '../http/errors.ts'
import type { Vaults } from '../vaults/credentials.ts'
import type { McpConnection } from './mcp.ts'
import type { Model } from './model.ts'

/** Every wait of the agent loop has an end. Milliseconds unless said otherwise. */
export type LoopLimits = {
  mcpConnectMs: number
  /** Long, because the broker may hold a call for a person. */
  mcpCallMs: number
  /** How long a sandbox call may stay without a worker's answer. */
  sandboxResultMs: number
  /** Model requests in one turn. */
  roundsMax: number
  /** Attempts of one model request. */
  attemptsMax: number
  /** The first wait before another attempt; doubled each time. */
  backoffMs: number
}

export const standardLimits: LoopLimits = {
  mcpConnectMs: 30_000,
  mcpCallMs: 600_000,
  sandboxResultMs: 900_000,
  roundsMax: 100,
  attemptsMax: 5,
  backoffMs: 1_000,
}

export type LoopDeps = {
  db: Db
  journal: Journal
  bus: EventBus
  model: Model
  vaults: Vaults
  limits: LoopLimits
  now: () => Date
  log: Log
}

/** A session while the loop works on it. */
export type Run = {
  readonly sessionId: string
  /** Aborts what is in flight: for an interrupt, the end of the session or of the process. */
  signal: AbortSignal
  readonly connections: Map<string, McpConnection>
  /** Failed attempts of the model request in progress. */
  attempts: number
  /** Servers that could not be reached are tried once per turn. */
  retryServers: boolean
}

/** Writes unless the session has ended meanwhile; then nothing happens and the answer is null. */
export async function writeIfOpen<T>(
  deps: Pick<LoopDeps, 'journal'>,
  sessionId: string,
  work: (writer: Writer) => Promise<T>,
): Promise<T | null> {
  try {
    return await deps.journal.write(sessionId, async (writer) =>
      writer.session.status === 'terminated' ? null : await work(writer),
    )
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}
