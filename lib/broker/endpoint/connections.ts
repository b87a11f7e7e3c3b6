import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const idleMs = 50
/** Whoever has been answered has so long to read that, and whoever asks to say it, before a server that ends cuts them off. */
const partingMsStandard = 5000

/**
 * Closes connections on which nothing is under way, also those on which nothing was ever asked (balancers and clients open some ahead): for Node these are not idle, and a server that stops would
 * wait a minute for each. One whose answer has not left yet is idle for Node, and would lose it.
 */
export function trackConnections(
  server: Server,
  { partingMs = partingMsStandard }: { partingMs?: number } = {},
): { closeIdle(): void; close(): Promise<void> } {
  const sockets = new Set<Socket>()
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    unused.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      unused.delete(socket)
    })
  })
  server.on('request', ({ socket }) => unused.delete(socket))
  const isSending = (): boolean => sockets.values().some(({ writableLength }) => writableLength > 0)
  function closeIdle(): void {
    for (const socket of unused) socket.destroy()
    if (!isSending()) server.closeIdleConnections()
  }
  return {
    closeIdle,
    /** Takes no new connection, and resolves when the last one is closed. */
    async close() {
      const closed = once(server, 'close')
      const until = performance.now() + partingMs
      // What ends a server closes what is idle for Node at once.
      while (isSending() && performance.now() < until) await sleep(idleMs)
      server.close()
      const idle = setInterval(closeIdle, idleMs)
      closeIdle()
      const cut = setTimeout(() => server.closeAllConnections(), Math.max(0, until - performance.now()))
      await closed
      clearInterval(idle)
      clearTimeout(cut)
    },
  }
}
