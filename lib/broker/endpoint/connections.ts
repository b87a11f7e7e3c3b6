import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Closes connections on which nothing is under way, also those on which nothing was ever asked (balancers and clients open some ahead): for Node these are not idle, and a server that stops would
 * wait a minute for each.
 */
export function trackConnections(server: Server): { closeIdle(): void } {
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }) => unused.delete(socket))
  return {
    closeIdle() {
      server.closeIdleConnections()
      for (const socket of unused) socket.destroy()
    },
  }
}
