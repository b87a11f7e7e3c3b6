import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type TcpProxy = {
  port: number
  /** What it stands before, as it is reached through it. */
  url: string
  /** Cuts every connection and takes no new one. */
  cut(): Promise<void>
  /** Keeps connections open and passes nothing on, in either direction. */
  freeze(): void
  /** Freezes, of itself, before it passes on words that a client says next; resolves then. Those are lost. */
  freezeBefore(words: string): Promise<void>
  /** Passes nothing on any more over the connections there are, for good: what stood behind is gone without a word, and another one answers who connects anew. */
  lose(): void
  /** Back to normal; what was frozen flows on. */
  restore(): Promise<void>
  stop(): Promise<void>
}

/** Stands between a program and the server at an address, to take the server away from it as failures do. */
export async function startTcpProxy(address: string): Promise<TcpProxy> {
  const url = new URL(address)
  const target = { host: url.hostname, port: Number(url.port) }
  const sockets = new Set<Socket>()
  const lost = new WeakSet<Socket>()
  let frozen = false
  let awaited: { words: string; heard: () => void } | null = null
  const freeze = (): void => {
    frozen = true
    for (const socket of sockets) socket.pause()
  }
  const make = () =>
    createServer((near) => {
      const far = connect(target)
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from)
        from
          .on('error', () => {})
          .on('close', () => {
            sockets.delete(from)
            to.destroy()
          })
        from.on('data', (chunk) => {
          if (!awaited || from !== near || !chunk.includes(awaited.words)) return void to.write(chunk)
          freeze()
          awaited.heard()
          awaited = null
        })
        if (frozen) from.pause()
      }
    })
  let server = make()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  url.hostname = '127.0.0.1'
  url.port = String(port)
  async function cut(): Promise<void> {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    port,
    url: url.href,
    cut,
    freeze,
    freezeBefore(words) {
      const { promise, resolve } = Promise.withResolvers<void>()
      awaited = { words, heard: resolve }
      return promise
    },
    lose() {
      for (const socket of sockets) lost.add(socket.pause())
    },
    async restore() {
      frozen = false
      for (const socket of sockets) if (!lost.has(socket)) socket.resume()
      if (server.listening) return
      server = make()
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    async stop() {
      if (server.listening) await cut()
    },
  }
}
