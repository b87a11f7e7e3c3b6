import type { Anthropic } from '@anthropic-ai/sdk'
import { z } from 'zod'
import type { Db } from '#lib/db/client.ts'
import type { EmbWork } from '#lib/db/generated/client.ts'
import { ApiError, notFound } from '../http/errors.ts'
import { metadataPatch, patchMetadata } from '../http/metadata.ts'
import { pageQuery, parse } from '../http/query.ts'
import { type Call, forwardOnly, jsonRoutes, param, type Route } from '../http/router.ts'
import { fromJson } from '../json.ts'
import { pageFilter, toPage } from '../paging.ts'
import { ackWork, heartbeatWork, stopWork, type WorkRef } from './lease.ts'
import { noteWorker, pollWork, queueStats } from './queue.ts'
import { signWorkToken, toWorkSecret } from './token.ts'

type Work = Anthropic.Beta.Environments.BetaSelfHostedWork

const pollQuery = z.object({
  block_ms: z.coerce.number().int().min(1).max(999).optional(),
  reclaim_older_than_ms: z.coerce.number().int().min(0).default(5000),
})
const heartbeatQuery = z.object({
  desired_ttl_seconds: z.coerce.number().int().min(1).optional(),
  expected_last_heartbeat: z.string().optional(),
})
const updateBody = z.strictObject({ metadata: metadataPatch })
const stopBody = z.strictObject({ force: z.boolean().default(false) })

type Options = {
  db: Db
  environmentKey: string
  now: () => Date
  /** A worker gave an item up; its session may still wait for tool results. */
  onWorkerStop: (sessionId: string) => void
}

/** The queue of the self-hosted environments, as the SDK's environment worker drives it. */
export function workRoutes(options: Options): Route[] {
  const { db } = options
  return [
    ...jsonRoutes(
      ['environment'],
      [
        ['GET', '/v1/environments/:environment/work', async (call) => await list(db, call)],
        ['GET', '/v1/environments/:environment/work/poll', async (call) => await poll(options, call)],
      ],
    ),
    ...jsonRoutes(
      ['environment', 'item'],
      [
        [
          'POST',
          '/v1/environments/:environment/work/:work/ack',
          async (call) => toWork(await ackWork(db, refOf(call), call.now)),
        ],
        [
          'POST',
          '/v1/environments/:environment/work/:work/heartbeat',
          async (call) => {
            const query = parse(heartbeatQuery, call.query)
            return await heartbeatWork(db, refOf(call), {
              expected: query.expected_last_heartbeat,
              ttlSeconds: query.desired_ttl_seconds,
              stale: call.principal.kind === 'item' && call.principal.stale,
              now: call.now,
            })
          },
        ],
      ],
    ),
    ...jsonRoutes(
      ['api', 'environment', 'item'],
      [['POST', '/v1/environments/:environment/work/:work/stop', async (call) => await stop(options, call)]],
    ),
    ...jsonRoutes(
      ['api'],
      [
        [
          'GET',
          '/v1/environments/:environment/work/stats',
          async (call) => {
            const stats = await queueStats(db, await liveEnvironment(db, call), call.now)
            return {
              type: 'work_queue_stats',
              depth: stats.depth,
              pending: stats.pending,
              oldest_queued_at: stats.oldest?.toISOString() ?? null,
              workers_polling: stats.workers,
            } satisfies Anthropic.Beta.Environments.BetaSelfHostedWorkQueueStats
          },
        ],
        ['GET', '/v1/environments/:environment/work/:work', async (call) => toWork(await read(db, refOf(call)))],
        [
          'POST',
          '/v1/environments/:environment/work/:work',
          async (call) => {
            const item = await read(db, refOf(call))
            const metadata = patchMetadata(fromJson(item.metadata), parse(updateBody, call.body).metadata)
            return toWork(await db.embWork.update({ where: { id: item.id }, data: { metadata } }))
          },
        ],
      ],
    ),
  ]
}

async function poll(options: Options, call: Call): Promise<Work | null> {
  const { db } = options
  const query = parse(pollQuery, call.query)
  const environmentId = await liveEnvironment(db, call)
  const workerId = call.headers['anthropic-worker-id']
  if (typeof workerId === 'string') await noteWorker(db, { environmentId, workerId: workerId.slice(0, 200) }, call.now)
  const item = await pollWork(db, {
    environmentId,
    blockMs: query.block_ms ?? 0,
    reclaimOlderThanMs: query.reclaim_older_than_ms,
    signal: call.signal,
    now: options.now,
  })
  if (!item) return null
  const token = signWorkToken({ workId: item.id, attempt: item.attempts }, options.environmentKey)
  return { ...toWork(item), secret: toWorkSecret(token) }
}

async function stop({ db, onWorkerStop }: Options, call: Call): Promise<Work> {
  const { principal } = call
  if (principal.kind === 'item' && principal.stale) throw new ApiError(403, 'Another worker holds this work item.')
  const item = await stopWork(db, refOf(call), { force: parse(stopBody, call.body).force, now: call.now })
  // An operator's stop stays a stop; a worker that gives up leaves the rest of the work to another.
  if (principal.kind !== 'api') onWorkerStop(item.sessionId)
  return toWork(item)
}

async function list(db: Db, call: Call) {
  const args = parse(z.object(pageQuery(20, 100)), call.query)
  const environmentId = await liveEnvironment(db, call)
  const { where, ...page } = pageFilter(args)
  const rows = await db.embWork.findMany({ where: { AND: [where, { environmentId }] }, ...page })
  return forwardOnly(toPage(rows, args, toWork))
}

async function read(db: Db, ref: WorkRef): Promise<EmbWork> {
  const item = await db.embWork.findFirst({ where: ref })
  if (!item) throw notFound('work item', ref.id)
  return item
}

async function liveEnvironment(db: Db, call: Call): Promise<string> {
  const id = param(call, 'environment')
  if ((await db.embEnvironment.count({ where: { id } })) === 0) throw notFound('environment', id)
  return id
}

/** The token of an item reaches no other item. */
function refOf(call: Call): WorkRef {
  const ref = { environmentId: param(call, 'environment'), id: param(call, 'work') }
  if (call.principal.kind === 'item' && call.principal.workId !== ref.id) {
    throw new ApiError(403, 'This token belongs to another work item.')
  }
  return ref
}

function toWork(item: EmbWork): Work {
  const at = (date: Date | null): string | null => date?.toISOString() ?? null
  return {
    id: item.id,
    type: 'work',
    environment_id: item.environmentId,
    data: { type: 'session', id: item.sessionId },
    state: item.state,
    metadata: fromJson<Record<string, string>>(item.metadata),
    secret: null,
    created_at: item.createdAt.toISOString(),
    acknowledged_at: at(item.acknowledgedAt),
    started_at: at(item.startedAt),
    latest_heartbeat_at: at(item.latestHeartbeatAt),
    stop_requested_at: at(item.stopRequestedAt),
    stopped_at: at(item.stoppedAt),
  }
}
