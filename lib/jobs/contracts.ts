import { z } from 'zod'
import type { Tx } from '#lib/db/client.ts'

/** A job is a name, a payload schema and (in the module that owns it) a handler. Handlers are idempotent: a job may run twice. */
export type JobContract<S extends z.ZodType = z.ZodType> = {
  readonly name: string
  readonly payload: S
  readonly maxAttempts: number
  /** Jobs of one name here run one at a time, across all workers; null: as many as a worker has hands. */
  readonly queue: string | null
}

function job<S extends z.ZodType>(name: string, payload: S, maxAttempts = 25): JobContract<S> {
  return { name, payload, maxAttempts, queue: null }
}

/** Every queued job of the product. */
export const jobs = {
  /** Creates what a new or changed agent version needs at Claude, step by step; resumes where it stopped. */
  provisionAgent: job(
    'provision_agent',
    z.strictObject({
      agentId: z.string(),
      version: z.int().positive(),
      firstRun: z.boolean(),
      /** Who is behind the first run: who registered the agent, or had its creation tried again. null, or left out: it is not known who. */
      setOffById: z.uuid().nullish(),
    }),
    8,
  ),
  /** Creates the session of a queued run and sends its first message. */
  startRun: job('start_run', z.strictObject({ runId: z.uuid() }), 8),
  /** Interrupts and archives a run's session at Claude; the local denial has happened already. */
  stopRun: job('stop_run', z.strictObject({ runId: z.uuid() })),
  /** Archives an ended run's session at Claude and deletes its vault: nothing of it is left that could act. */
  closeRun: job('close_run', z.strictObject({ runId: z.uuid() })),
  /** Starts the runs of every schedule that is due. */
  runSchedules: job('run_schedules', z.strictObject({}), 1),
  /** Compares open runs with their sessions at Claude: the truth behind every event stream. */
  reconcileRuns: job('reconcile_runs', z.strictObject({}), 1),
  /** Compares the agents at Claude with the registry: those that no entry has are found. */
  discoverAgents: job('discover_agents', z.strictObject({}), 1),
  /** Looks at the address of an MCP server that somebody wants to register. */
  probeServer: job('probe_server', z.strictObject({ probeId: z.uuid() }), 3),
  /** Fetches an npm package that a server is to be started from. It takes minutes: others must not wait behind many of it. */
  fetchPackage: { ...job('fetch_package', z.strictObject({ packageId: z.uuid() }), 3), queue: 'packages' },
  /** Brings the day roll-ups up to date. */
  rollUpDays: job('roll_up_days', z.strictObject({}), 1),
  /** Tells of credentials that end soon. */
  warnOfExpiry: job('warn_of_expiry', z.strictObject({}), 1),
  /** Reminds of scope requests and reviews before they are due, passes on what nobody decides, and tells of grants that end soon. */
  remindOfScopes: job('remind_of_scopes', z.strictObject({}), 1),
  /** Decides recorded calls again, by another set of central policies. */
  replayPolicies: job('replay_policies', z.strictObject({ replayId: z.uuid() }), 4),
  /** Ends scope reviews whose time is over, and reminds those who have not answered. */
  watchReviews: job('watch_reviews', z.strictObject({}), 1),
  /** Wraps what is sealed anew, after another key-encryption key became current. */
  rewrapKeys: job('rewrap_keys', z.strictObject({})),
} as const

type EnqueueOptions<S extends z.ZodType> = {
  payload: z.infer<S>
  /** Makes a repeated enqueue one job. */
  key?: string
  runAt?: Date
  /** Leaves a job of the same key alone, also one that runs or waits for its next try; otherwise it is replaced. */
  onlyIfMissing?: boolean
}

/** Enqueues in the caller's transaction: the job exists if and only if the change commits. */
export async function enqueue<S extends z.ZodType>(
  tx: Tx,
  contract: JobContract<S>,
  options: EnqueueOptions<S>,
): Promise<void> {
  const payload = JSON.stringify(contract.payload.parse(options.payload))
  await tx.$queryRaw`select 1 from graphile_worker.add_job(
    identifier => ${contract.name}::text, payload => ${payload}::json, run_at => ${options.runAt ?? null}::timestamptz,
    max_attempts => ${contract.maxAttempts}::int, queue_name => ${contract.queue}::text, job_key => ${options.key ?? null}::text,
    job_key_mode => ${options.onlyIfMissing ? 'unsafe_dedupe' : 'replace'}::text)`
}

/** Like `enqueue`, for many payloads of one job in one statement. */
export async function enqueueMany<S extends z.ZodType>(
  tx: Tx,
  contract: JobContract<S>,
  items: readonly { payload: z.infer<S>; key?: string }[],
): Promise<void> {
  if (items.length === 0) return
  const rows = JSON.stringify(
    items.map((item) => ({ payload: contract.payload.parse(item.payload), key: item.key ?? null })),
  )
  await tx.$queryRaw`select count(graphile_worker.add_job(identifier => ${contract.name}::text, payload => (item->'payload')::json,
    max_attempts => ${contract.maxAttempts}::int, queue_name => ${contract.queue}::text, job_key => item->>'key')) from jsonb_array_elements(${rows}::jsonb) as item`
}

/** Which try of a job this is, and whether the queue gives up after it. */
export type Attempt = { number: number; last: boolean }

type Jobs = typeof jobs

/** One handler a job, by the job's key in `jobs`. Handlers are idempotent: a job may run twice. */
export type JobHandlers = {
  [Key in keyof Jobs]: (payload: z.infer<Jobs[Key]['payload']>, attempt: Attempt) => Promise<void>
}
