import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import type { TokenIssuer } from '#lib/auth/commands/agent-tokens.ts'
import type { ClaudePort } from '#lib/claude/commands.ts'
import type { Db, Tx } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'

export type MeteredRequest = {
  runId: string
  agentId: string
  at: Date
  model: string
  sourceId: string
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWrite5mTokens: number
  cacheWrite1hTokens: number
}

/** What the harness tells the module above it, in its own transaction; the worker process hands it in. */
export type Meter = {
  recordUsage(tx: Tx, usage: MeteredRequest): Promise<{ recorded: boolean; costMicros: bigint | null }>
  /** Says what its calls cost, those included that are not added up yet. */
  countRunEnd(tx: Tx, runId: string): Promise<{ callCostMicros: bigint }>
}

/** Everything the harness's jobs and followers work with. */
export type HarnessDeps = {
  db: Db
  claude: ClaudePort
  tokens: TokenIssuer
  /** Where agents reach the broker, without a trailing slash. */
  brokerUrl: string
  meter: Meter
  /** The scripted model answers: every run says so. */
  simulated: boolean
  log: Log
  /** Runs the work while nobody else, in any process, runs work of the same key. Ends with the process that holds it. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>
}

/** The name of the one environment at Claude that our sandbox service works for. */
export const environmentName = 'wheelhouse'

/** Metadata keys by which our things are found again at Claude after a crash. */
export const marks = {
  agent: 'wheelhouse_agent',
  version: 'wheelhouse_version',
  digest: 'wheelhouse_digest',
  run: 'wheelhouse_run',
} as const

export function workerCtx(deps: Pick<HarnessDeps, 'db'>): Ctx {
  return { db: deps.db, actor: systemActor('worker'), now: new Date() }
}
