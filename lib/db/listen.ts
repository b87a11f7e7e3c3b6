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
 * Calls `onNotify` for every NOTIFY on the channels and reconnects by itself (1 s apart) when the connection is lost, then calls
 * `onNotify` once per channel with an empty payload, because a nudge may have been missed meanwhile.
 */
export async function listen(options: {
  databaseUrl: string
  channels: readonly Channel[]
  onNotify: (channel: Channel, payload: string) => void
  log: Log
}): Promise<Listener> {
  let stopped = false
  let client: pg.Client | undefined
  let retry: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: options.databaseUrl, application_name: 'wheelhouse-listen' })
    next.on('error', (error) => options.log.warn({ err: error }, 'listen connection failed'))
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
    // Only a connection that was handed over is missed; one that failed before has told its caller.
    next.on('end', () => {
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
      await client?.end()
    },
  }
}
