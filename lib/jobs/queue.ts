import { EventEmitter } from 'node:events'
import { Logger, parseCronItems, run, type TaskList, type WorkerEvents } from 'graphile-worker'
import { connectionLimits } from '#lib/db/connection.ts'
import { CleanPool } from '#lib/db/pool.ts'
import type { Log } from '#lib/log/log.ts'
import { type JobHandlers, jobs } from './contracts.ts'

export type QueueOptions = {
  databaseUrl: string
  handlers: JobHandlers
  /** Five cron fields in UTC; across all workers each time is queued once. */
  crontab: Partial<Record<keyof JobHandlers, string>>
  log: Log
  concurrency: number
  /** Until the database has answered; tests make it smaller. */
  answerMs?: number
  onJob?: (outcome: { job: string; ok: boolean; seconds: number }) => void
  /** The queue's name for this process, as in the jobs it holds. Called once, before the first job. */
  onPool: (poolId: string) => void
}

export type Queue = {
  /** Takes no more jobs and waits for those that run. */
  drain(): Promise<void>
  /** Gives up the jobs that run: they are tried again. */
  abort(): Promise<void>
  /** Settles when the queue ends, also by itself. */
  ended: Promise<void>
}

/** Runs the handlers on what is queued. A payload that does not fit its contract fails the job without touching the handler. */
export async function startQueue(options: QueueOptions): Promise<Queue> {
  const events: WorkerEvents = new EventEmitter()
  events.on('pool:create', ({ workerPool }) => options.onPool(workerPool.id))
  const pool = openPool(options)
  const runner = await run({
    pgPool: pool,
    concurrency: options.concurrency,
    noHandleSignals: true,
    // A notification starts a job at once; this is how long a lost one can delay it.
    pollInterval: 1_000,
    taskList: toTaskList(options),
    parsedCronItems: parseCronItems(
      Object.entries(options.crontab).map(([key, match]) => {
        const contract = jobs[key as keyof JobHandlers]
        return {
          task: contract.name,
          match,
          options: { backfillPeriod: 0, maxAttempts: contract.maxAttempts, jobKey: `cron:${contract.name}` },
        }
      }),
    ),
    logger: toLogger(options.log),
    events,
  })
  return {
    async drain() {
      await runner.stop()
      await pool.end()
    },
    abort: async () => await runner.kill(),
    ended: runner.promise,
  }
}

/** The queue's own connections would wait for ever for a database that has gone without a word. */
function openPool({ databaseUrl, answerMs, log }: QueueOptions): CleanPool {
  const pool = new CleanPool({ connectionString: databaseUrl, ...connectionLimits({ answerMs }) })
  const onError = (error: Error): void => log.warn({ err: error }, 'a connection of the queue failed')
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}

function toTaskList(options: QueueOptions): TaskList {
  return Object.fromEntries(
    Object.entries(jobs).map(([key, contract]) => [
      contract.name,
      async (raw, { job }) => {
        const startedAt = performance.now()
        let ok = false
        try {
          const handler = options.handlers[key as keyof JobHandlers] as (...args: unknown[]) => Promise<void>
          const attempt = { number: job.attempts, last: job.attempts >= job.max_attempts }
          await handler(contract.payload.parse(withoutCron(raw)), attempt)
          ok = true
        } finally {
          options.onJob?.({ job: contract.name, ok, seconds: (performance.now() - startedAt) / 1000 })
        }
      },
    ]),
  )
}

/** The queue adds `_cron` to the payload of what a crontab has started. */
function withoutCron(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null) return payload
  const { _cron: _, ...rest } = payload as Record<string, unknown>
  return rest
}

/** The queue's own lines are of interest when something is wrong. */
function toLogger(log: Log): Logger {
  return new Logger(() => (level, message, meta) => {
    if (level === 'error') log.error({ err: meta?.['error'] }, message)
    else if (level === 'warning') log.warn(message)
    else log.debug(message)
  })
}
