import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '#lib/log/log.ts'

/** The channels processes nudge each other on; a poll is the guarantee behind every nudge. */
export const channels = [
  'wheelhouse_stop',
  'wheelhouse_policy',
  'wheelhouse_audit',
  'wheelhouse_run',
  'wheelhouse_cancel',
  'wheelhouse_held',
  'wheelhouse_talk',
] as const
export type Channel = (typeof channels)[number]

export type Listener = { stop(): Promise<void> }

/**
 * Calls `onNotify` for every NOTIFY on the channels and reconnects by itself (1 s apart) when the connection is lost or answers nothing any more, then
 * calls `onNotify` once per channel with an empty payload, because a nudge may have been missed meanwhile.
 */
export async function listen(options: {
  databaseUrl: string
  channels: readonly Channel[]
  onNotify: (channel: Channel, payload: string) => void
  log: Log
  /** Until the database has answered, and how often it is asked whether it is there; tests make them smaller. */
  answerMs?: number
  beatMs?: number
}): Promise<Listener> {
  const { databaseUrl, log, answerMs = 5000, beatMs = 10_000 } = options
  let stopped = false
  let client: pg.Client | undefined
  let retry: NodeJS.Timeout | undefined
  let beat: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const next = new pg.Client({
      connectionString: databaseUrl,
      application_name: 'wheelhouse-listen',
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    })
    next.on('error', (error) => log.warn({ err: error }, 'listen connection failed'))
    next.on('notification', (message) => options.onNotify(message.channel as Channel, message.payload ?? ''))
    try {
      await next.connect()
      for (const channel of options.channels) await next.query(`listen ${channel}`)
    } catch (error) {
      await next.end().catch(() => {})
      throw error
    }
    if (stopped) return await next.end()
    client = next
    // Whoever only listens would never learn that its connection leads nowhere.
    let isAsked = false
    beat = setInterval(() => {
      if (isAsked) return
      isAsked = true
      next.query('select 1').then(
        () => (isAsked = false),
        (error: unknown) => {
          log.warn({ err: error }, 'the listen connection does not answer')
          void next.end().catch(() => {})
        },
      )
    }, beatMs)
    // Only a connection that was handed over is missed; one that failed before has told its caller.
    next.on('end', () => {
      clearInterval(beat)
      if (!stopped && client === next) scheduleReconnect()
    })
  }

  function scheduleReconnect(): void {
    retry = setTimeout(() => {
      connect().then(
        () => options.channels.forEach((channel) => options.onNotify(channel, '')),
        () => {
          if (!stopped) scheduleReconnect()
        },
      )
    }, 1000)
  }

  await connect()
  return {
    async stop() {
      stopped = true
      clearTimeout(retry)
      clearInterval(beat)
      // A database that does not answer takes no leave.
      const left = new AbortController()
      await Promise.race([client?.end(), sleep(answerMs, undefined, { signal: left.signal }).catch(() => {})])
      left.abort()
    },
  }
}
