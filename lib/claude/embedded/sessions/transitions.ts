import { Prisma } from '#lib/db/generated/client.ts'
import type { EventOf } from '../events/types.ts'
import type { Writer } from '../events/journal.ts'
import { toJson } from '../json.ts'
import { usageSnapshot } from './view.ts'

export type StopReason = EventOf<'session.status_idle'>['stop_reason']
export type StopDetails = EventOf<'session.status_idle'>['stop_details']

/** The session works: from now on the time counts as active. */
export function startRunning(writer: Writer): void {
  writer.append({ type: 'session.status_running' })
  writer.set({ status: 'running', runningSince: writer.now, stopReason: Prisma.DbNull, actionDeadline: null })
}

/** The turn is over, or waits for somebody. */
export function goIdle(
  writer: Writer,
  stopReason: StopReason,
  options: { stopDetails?: StopDetails; actionDeadline?: Date | null } = {},
): void {
  const counted = activeTime(writer)
  if (stopReason.type !== 'requires_action') {
    writer.append({ type: 'session.usage', ...usageSnapshot({ ...writer.session, ...counted }) })
  }
  writer.append({ type: 'session.status_idle', stop_reason: stopReason, stop_details: options.stopDetails ?? null })
  writer.set({
    ...counted,
    status: 'idle',
    stopReason: toJson(stopReason),
    actionDeadline: options.actionDeadline ?? null,
  })
}

/** A request failed in a way that passes: the server tries again by itself. */
export function reschedule(writer: Writer): void {
  writer.append({ type: 'session.status_rescheduled' })
  writer.set({ ...activeTime(writer), status: 'rescheduling' })
}

/** The end: the session accepts nothing any more. */
export function terminate(writer: Writer): void {
  if (writer.session.status === 'terminated') return
  writer.append({ type: 'session.status_terminated' })
  writer.set({ ...activeTime(writer), status: 'terminated', actionDeadline: null })
}

function activeTime({ session, now }: Writer): { activeMs: bigint; runningSince: null } {
  const since = session.runningSince?.getTime() ?? now.getTime()
  return { activeMs: session.activeMs + BigInt(Math.max(0, now.getTime() - since)), runningSince: null }
}
