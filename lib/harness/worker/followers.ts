import { setTimeout as sleep } from 'node:timers/promises'
import type { RenderedAgent } from '#lib/templates/schema.ts'
import type { RunLimits } from '../rules.ts'
import type { HarnessDeps } from './deps.ts'
import { followRun } from './follow.ts'
import { type LeasedRun, releaseLease, renewLeases, takeLeases } from './leases.ts'
import { watchRun } from './watch.ts'

export type FollowersOptions = {
  /** Names this process among all workers; leases are held in it. */
  holder: string
  /** How many runs one process follows at most. */
  runsMax?: number
  /** Between two rounds of taking and renewing leases. */
  roundMs?: number
  /** Between two sure looks at one session. */
  lookMs?: number
}

export type Followers = {
  start(): void
  /** Gives every run back and waits until nothing is written any more. */
  stop(): Promise<void>
  /** Looks for runs to follow now instead of at the next round. */
  nudge(): void
  count(): number
  /** When the last round ended well; null before the first. */
  lastRoundAt(): Date | null
}

type Following = {
  sessionId: string
  limits: Partial<RunLimits>
  abort: AbortController
  done: Promise<void>
  look: () => Promise<void>
  looking: boolean
  lookedAt: number
  watching: boolean
}

/** Follows open runs, one follower a run, under a lease that ends with the process: another worker takes over what a dead one has left. */
export function createFollowers(deps: HarnessDeps, options: FollowersOptions): Followers {
  const { holder } = options
  const runsMax = options.runsMax ?? 200
  const roundMs = options.roundMs ?? 1_000
  const lookMs = options.lookMs ?? 15_000
  const following = new Map<string, Following>()
  const stopping = new AbortController()
  let wake = new AbortController()
  let loop: Promise<void> | undefined
  let lastRoundAt: Date | null = null

  async function rounds(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await round()
        lastRoundAt = new Date()
      } catch (error) {
        deps.log.warn({ err: error }, 'runs could not be looked after; it is tried again')
      }
      wake = new AbortController()
      await sleep(roundMs, undefined, { signal: AbortSignal.any([stopping.signal, wake.signal]) }).catch(() => {})
    }
  }

  async function round(): Promise<void> {
    const held = await renewLeases(deps.db, holder, [...following.keys()])
    const kept = new Set(held.map((run) => run.id))
    for (const [id, entry] of following) if (!kept.has(id)) entry.abort.abort()
    for (const run of await takeLeases(deps.db, holder, runsMax - following.size)) await begin(run)
    for (const run of held) look(run)
  }

  async function begin(run: LeasedRun): Promise<void> {
    if (following.has(run.id)) return
    const version = await deps.db.agentVersion.findUniqueOrThrow({
      where: { agentId_version: { agentId: run.agentId, version: run.agentVersion } },
      select: { rendered: true },
    })
    const abort = new AbortController()
    const followed = { runId: run.id, sessionId: run.claudeSessionId, holder }
    const { done, look } = followRun(deps, followed, abort.signal)
    const entry: Following = {
      sessionId: run.claudeSessionId,
      limits: (version.rendered as RenderedAgent).limits,
      abort,
      done: settle(run.id, done),
      look,
      looking: false,
      lookedAt: Date.now(),
      watching: false,
    }
    following.set(run.id, entry)
  }

  /** Ends with the run, the lease or an error; after an error the run is given back and taken again. */
  async function settle(runId: string, done: Promise<void>): Promise<void> {
    try {
      await done
    } catch (error) {
      deps.log.warn({ err: error, runId }, 'following a run failed; it is taken up again')
    }
    await sleep(0)
    following.delete(runId)
    await releaseLease(deps.db, holder, runId).catch(() => {})
  }

  /** Beside the rounds, so that a slow answer of Claude for one run never costs another its lease. */
  function look(run: LeasedRun): void {
    const entry = following.get(run.id)
    if (!entry || entry.abort.signal.aborted) return
    if (!entry.watching) {
      entry.watching = true
      void watchRun(deps, run, entry.limits)
        .catch((error: unknown) => deps.log.warn({ err: error, runId: run.id }, 'a run could not be watched'))
        .finally(() => (entry.watching = false))
    }
    if (!entry.looking && Date.now() - entry.lookedAt >= lookMs) {
      entry.looking = true
      void entry
        .look()
        .catch((error: unknown) => deps.log.warn({ err: error, runId: run.id }, 'a session could not be read'))
        .finally(() => {
          entry.looking = false
          entry.lookedAt = Date.now()
        })
    }
  }

  return {
    start() {
      loop ??= rounds()
    },
    async stop() {
      stopping.abort()
      await loop
      for (const entry of following.values()) entry.abort.abort()
      await Promise.all([...following.values()].map((entry) => entry.done))
    },
    nudge() {
      wake.abort()
    },
    count: () => following.size,
    lastRoundAt: () => lastRoundAt,
  }
}
