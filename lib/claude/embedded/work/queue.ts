import { setTimeout as sleep } from 'node:timers/promises'
import type { Db, Tx } from '#lib/db/client.ts'
import type { EmbWork } from '#lib/db/generated/client.ts'
import { newId } from '../ids.ts'

/** Seconds a claim lasts without a heartbeat, unless the worker asks for another. */
export const leaseSeconds = { standard: 30, min: 5, max: 600 }

const recheckMs = 100

/**
 * Makes sure a worker will serve the session: one live item per session. After a worker has given items of this session up, the next one
 * waits a little longer each time, so that a session no worker can serve does not spin.
 */
export async function ensureWork(tx: Tx, session: { id: string; environmentId: string }, now: Date): Promise<void> {
  const items = await tx.embWork.findMany({
    where: { sessionId: session.id },
    select: { state: true, createdAt: true },
  })
  if (items.some((item) => item.state !== 'stopped')) return
  const recent = items.filter((item) => now.getTime() - item.createdAt.getTime() < 60_000).length
  const waitMs = recent < 2 ? 0 : Math.min(30_000, 500 * 2 ** (recent - 2))
  await tx.embWork.create({
    data: {
      id: newId('work', now),
      environmentId: session.environmentId,
      sessionId: session.id,
      state: 'queued',
      metadata: {},
      createdAt: now,
      availableAt: new Date(now.getTime() + waitMs),
      leaseTtlSeconds: leaseSeconds.standard,
    },
  })
}

/** The session has ended: what waits is over, what is claimed is told to stop. */
export async function endWork(tx: Tx, sessionId: string, now: Date): Promise<void> {
  await tx.embWork.updateMany({
    where: { sessionId, state: 'queued' },
    data: { state: 'stopped', stopRequestedAt: now, stoppedAt: now },
  })
  await tx.embWork.updateMany({
    where: { sessionId, state: { in: ['starting', 'active'] } },
    data: { state: 'stopping', stopRequestedAt: now },
  })
}

type Poll = {
  environmentId: string
  /** Milliseconds to wait for an item; 0 answers at once. */
  blockMs: number
  /** Milliseconds after which an item that was handed out but never acknowledged is handed out again. */
  reclaimOlderThanMs: number
  signal: AbortSignal
  now: () => Date
}

/** The oldest waiting item, handed to exactly one of the workers that poll at once; null when there is none. */
export async function pollWork(db: Db, poll: Poll): Promise<EmbWork | null> {
  const until = poll.now().getTime() + poll.blockMs
  // A worker that has gone is handed nothing: the item would wait for its lease to end.
  while (!poll.signal.aborted) {
    await reclaimLost(db, { environmentId: poll.environmentId }, poll.now())
    const claimed = await claimOldest(db, poll)
    if (claimed || poll.now().getTime() >= until) return claimed
    await sleep(recheckMs)
  }
  return null
}

/** Items whose worker has fallen silent go back to the queue; those that were to stop are stopped. */
export async function reclaimLost(db: Db, where: { environmentId?: string }, now: Date): Promise<void> {
  const held = await db.embWork.findMany({ where: { ...where, state: { in: ['starting', 'active', 'stopping'] } } })
  for (const item of held.filter((candidate) => isLost(candidate, now))) {
    // The conditions again: the worker may have beaten meanwhile.
    const same = { id: item.id, state: item.state, latestHeartbeatAt: item.latestHeartbeatAt }
    await db.embWork.updateMany({
      where: same,
      data:
        item.state === 'stopping'
          ? { state: 'stopped', stoppedAt: now }
          : { state: 'queued', polledAt: null, acknowledgedAt: null, startedAt: null, latestHeartbeatAt: null },
    })
  }
}

function isLost(item: EmbWork, now: Date): boolean {
  const sign = item.latestHeartbeatAt ?? item.acknowledgedAt ?? item.stopRequestedAt
  return sign !== null && now.getTime() - sign.getTime() > item.leaseTtlSeconds * 1000
}

async function claimOldest(db: Db, { environmentId, reclaimOlderThanMs, now }: Poll): Promise<EmbWork | null> {
  const at = now()
  const abandoned = new Date(at.getTime() - reclaimOlderThanMs)
  return await db.$transaction(async (tx) => {
    const [found] = await tx.$queryRaw<{ id: string }[]>`
      select "id" from "EmbWork"
      where "environmentId" = ${environmentId} and "state" = 'queued' and "availableAt" <= ${at}
        and ("polledAt" is null or "polledAt" < ${abandoned})
      order by "createdAt", "id" for update skip locked limit 1`
    if (!found) return null
    return await tx.embWork.update({ where: { id: found.id }, data: { polledAt: at, attempts: { increment: 1 } } })
  })
}

/** Waiting, handed out but not acknowledged, the oldest of both, and the workers seen in the last 30 seconds. */
export async function queueStats(db: Db, environmentId: string, now: Date) {
  const items = await db.embWork.findMany({
    where: { environmentId, state: 'queued' },
    select: { polledAt: true, createdAt: true },
    orderBy: { createdAt: 'asc' },
  })
  const since = new Date(now.getTime() - 30_000)
  const workers = await db.embWorkPoller.count({ where: { environmentId, polledAt: { gte: since } } })
  return {
    depth: items.filter((item) => item.polledAt === null).length,
    pending: items.filter((item) => item.polledAt !== null).length,
    oldest: items[0]?.createdAt ?? null,
    workers,
  }
}

export async function noteWorker(
  db: Db,
  poller: { environmentId: string; workerId: string },
  now: Date,
): Promise<void> {
  await db.embWorkPoller.upsert({
    where: { environmentId_workerId: poller },
    create: { ...poller, polledAt: now },
    update: { polledAt: now },
  })
}
