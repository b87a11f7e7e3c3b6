import type { Server } from 'node:http'
import type { Log } from '#lib/log/log.ts'

type Parts = { connectionsMax: number; onDropped: () => void; log: Pick<Log, 'warn'>; nowMs?: () => number }

const logEveryMs = 60_000

/**
 * Takes no more connections at once than this: each costs memory before anybody knows whose it is, and whoever comes then finds another
 * replica. Each that is dropped is counted; the log says so once a minute at most.
 */
export function limitConnections(server: Server, parts: Parts): void {
  const { connectionsMax, onDropped, log, nowMs = () => performance.now() } = parts
  let loggedAt = -Infinity
  let unlogged = 0
  server.maxConnections = connectionsMax
  server.on('drop', () => {
    onDropped()
    unlogged += 1
    if (nowMs() - loggedAt < logEveryMs) return
    log.warn({ connectionsMax, dropped: unlogged }, 'connections were dropped: as many are open as may be')
    loggedAt = nowMs()
    unlogged = 0
  })
}
