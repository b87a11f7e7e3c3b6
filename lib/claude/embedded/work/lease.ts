import type { Anthropic } from '@anthropic-ai/sdk'
import type { Db, Tx } from '#lib/db/client.ts'
import type { EmbWork } from '#lib/db/generated/client.ts'
import { ApiError, conflict, notFound } from '../http/errors.ts'
import { leaseSeconds } from './queue.ts'

type Heartbeat = Anthropic.Beta.Environments.BetaSelfHostedWorkHeartbeatResponse
type LeaseState = Anthropic.Beta.Environments.BetaWorkLeaseState

/** What a worker sends with its first heartbeat. */
const noHeartbeat = 'NO_HEARTBEAT'

export type WorkRef = { environmentId: string; id: string }

/** From the queue to the worker; a second acknowledgement is a conflict. */
export async function ackWork(db: Db, ref: WorkRef, now: Date): Promise<EmbWork> {
  return await withItem(db, ref, async (tx, item) => {
    if (item.state !== 'queued')
      throw conflict(`The work item ${item.id} is ${item.state}, so it cannot be acknowledged.`)
    return await tx.embWork.update({ where: { id: item.id }, data: { state: 'starting', acknowledgedAt: now } })
  })
}

/** Renews the lease when nobody else has done so since the worker's last heartbeat; 412 tells that the item belongs to another. */
export async function heartbeatWork(
  db: Db,
  ref: WorkRef,
  beat: { expected?: string | undefined; ttlSeconds?: number | undefined; stale: boolean; now: Date },
): Promise<Heartbeat> {
  return await withItem(db, ref, async (tx, item) => {
    const ttl = Math.min(leaseSeconds.max, Math.max(leaseSeconds.min, beat.ttlSeconds ?? item.leaseTtlSeconds))
    const ending = item.state === 'stopping' || item.state === 'stopped'
    const another = beat.stale || item.state === 'queued' || !matches(item, beat.expected)
    if (another && !ending) throw leaseLost(item)
    if (item.state === 'stopped') return toHeartbeat(item, false)
    const renewed = await tx.embWork.update({
      where: { id: item.id },
      data: {
        latestHeartbeatAt: beat.now,
        leaseTtlSeconds: ttl,
        ...(item.state === 'starting' ? { state: 'active', startedAt: beat.now } : {}),
      },
    })
    return toHeartbeat(renewed, true)
  })
}

/** Asks the worker to stop, or ends the item at once when it is forced or nobody holds it. 409 when it is stopped already. */
export async function stopWork(db: Db, ref: WorkRef, stop: { force: boolean; now: Date }): Promise<EmbWork> {
  return await withItem(db, ref, async (tx, item) => {
    if (item.state === 'stopped') throw conflict(`The work item ${item.id} is stopped already.`)
    const atOnce = stop.force || item.state === 'queued'
    const requested = item.stopRequestedAt ?? stop.now
    return await tx.embWork.update({
      where: { id: item.id },
      data: atOnce
        ? { state: 'stopped', stopRequestedAt: requested, stoppedAt: stop.now }
        : { state: 'stopping', stopRequestedAt: requested },
    })
  })
}

/** The row lock makes two workers take turns. */
async function withItem<T>(db: Db, ref: WorkRef, work: (tx: Tx, item: EmbWork) => Promise<T>): Promise<T> {
  return await db.$transaction(async (tx) => {
    await tx.$queryRaw`select "id" from "EmbWork" where "id" = ${ref.id} for update`
    const item = await tx.embWork.findFirst({ where: ref })
    if (!item) throw notFound('work item', ref.id)
    return await work(tx, item)
  })
}

function matches(item: EmbWork, expected: string | undefined): boolean {
  if (expected === undefined) return true
  return expected === (item.latestHeartbeatAt?.toISOString() ?? noHeartbeat)
}

function leaseLost(item: EmbWork): ApiError {
  const current: LeaseState = {
    last_heartbeat: item.latestHeartbeatAt?.toISOString() ?? null,
    lease_extended: false,
    state: item.state,
    ttl_seconds: item.leaseTtlSeconds,
  }
  return new ApiError(412, 'expected_last_heartbeat does not match: another worker may hold the lease.', {
    error_code: 'heartbeat_precondition_failed',
    current_state: current,
  })
}

function toHeartbeat(item: EmbWork, extended: boolean): Heartbeat {
  return {
    type: 'work_heartbeat',
    last_heartbeat: item.latestHeartbeatAt?.toISOString() ?? '',
    lease_extended: extended,
    state: item.state,
    ttl_seconds: item.leaseTtlSeconds,
  }
}
