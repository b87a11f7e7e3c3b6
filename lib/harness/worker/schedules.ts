import { Cron } from 'croner'
import { inTx } from '#lib/auth/ctx.ts'
import { launch } from '../launch.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'

/** A due time is started at most this late; what was missed longer ago (no worker ran) is not made up for. */
const lateMsMax = 90_000

/** Starts the run of every schedule that is due; a due time has one run, however many workers look. */
export async function runDueSchedules(deps: HarnessDeps, now: Date): Promise<number> {
  const agents = await deps.db.agent.findMany({
    where: { status: 'active', scheduleEnabled: true, schedule: { not: null } },
    select: { id: true, schedule: true },
  })
  let started = 0
  for (const { id, schedule } of agents) {
    const due = schedule ? lastDueTime(deps, { id, schedule }, now) : null
    if (!due) continue
    try {
      if (await startOnce(deps, { agentId: id, due, now })) started += 1
    } catch (error) {
      // One agent must not keep the others from starting; its due time is tried again as long as it is not too late.
      deps.log.error({ err: error, agentId: id }, 'a scheduled run could not be started')
    }
  }
  return started
}

async function startOnce(deps: HarnessDeps, wanted: { agentId: string; due: Date; now: Date }): Promise<boolean> {
  const { agentId, due: scheduledFor, now } = wanted
  if ((await deps.db.run.count({ where: { agentId, scheduledFor } })) > 0) return false
  const ctx = { ...workerCtx(deps), now }
  const outcome = await inTx(ctx, (_tx, ctx) => launch(ctx, { agentId, trigger: 'schedule', scheduledFor }))
  return outcome !== 'already_launched' && outcome.ok
}

/** The schedule's last time until now, if it is not too long ago. */
export function dueTime(schedule: string, now: Date): Date | null {
  // The reference is exclusive, and a due time begins with its second.
  const [last] = new Cron(schedule, { timezone: 'UTC', mode: '5-part' }).previousRuns(1, new Date(now.getTime() + 1000))
  return last && last <= now && now.getTime() - last.getTime() <= lateMsMax ? last : null
}

function lastDueTime(deps: HarnessDeps, agent: { id: string; schedule: string }, now: Date): Date | null {
  try {
    return dueTime(agent.schedule, now)
  } catch (error) {
    deps.log.error({ err: error, agentId: agent.id }, 'a schedule cannot be read')
    return null
  }
}
