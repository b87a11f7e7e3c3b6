import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from '#lib/db/listen.ts'
import { portal } from './db.ts'

// One connection listens for all streams of this process; without it they fall back to the poll, which is the guarantee anyway.
const pollMs = 1000
const waiting = new Map<string, Set<() => void>>()
const holder = globalThis as typeof globalThis & { wheelhouseRunListener?: Promise<unknown> }

/** Resolves when the run may have news: on a notification, after a second at the latest, or when the signal aborts. */
export async function runNudge(runId: string, signal: AbortSignal): Promise<void> {
  holder.wheelhouseRunListener ??= startListening()
  const woken = new AbortController()
  const waiters = waiting.get(runId) ?? new Set()
  waiting.set(runId, waiters)
  const wake = () => woken.abort()
  waiters.add(wake)
  try {
    await sleep(pollMs, undefined, { signal: AbortSignal.any([signal, woken.signal]) })
  } catch {
    // Woken or ended: the caller looks either way.
  } finally {
    waiters.delete(wake)
    if (waiters.size === 0) waiting.delete(runId)
  }
}

async function startListening(): Promise<void> {
  const { config, log } = portal()
  try {
    await listen({
      databaseUrl: config.databaseUrl,
      channels: ['wheelhouse_run'],
      onNotify: (_channel, runId) => waiting.get(runId)?.forEach((wake) => wake()),
      log,
    })
  } catch (error) {
    log.warn({ err: error }, 'run streams poll only: the listen connection could not be opened')
  }
}
