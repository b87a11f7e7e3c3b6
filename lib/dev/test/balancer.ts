import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { listening } from './broker.ts'

export type Balancer = {
  url: string
  /** Who stands behind it; may be changed at any time. */
  replicas: string[]
  /** Requests that were passed to each. */
  passed: Map<string, number>
  stop(): Promise<void>
}

/**
 * A round-robin balancer as they are in front of replicas: each request goes to the next replica that says it is ready, whatever session or
 * connection it belongs to. A replica that cannot be connected to is passed over; one that breaks off is not asked again for the same request.
 */
export async function startBalancer(): Promise<Balancer> {
  const agent = new Agent({ keepAlive: true })
  const replicas: string[] = []
  const passed = new Map<string, number>()
  const unready = new Set<string>()
  let turn = 0
  const checks = setInterval(() => {
    for (const replica of replicas) {
      fetch(`${replica}/readyz`).then(
        ({ ok }) => (ok ? unready.delete(replica) : unready.add(replica)),
        () => unready.add(replica),
      )
    }
  }, 100)
  const next = () => {
    const ready = replicas.filter((replica) => !unready.has(replica))
    return ready[turn++ % ready.length]
  }

  const http = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
      pass(Buffer.concat(chunks), replicas.length)
    })()

    function pass(body: Buffer, tries: number): void {
      const replica = next()
      if (!replica || tries === 0) return void outgoing.writeHead(502).end()
      const onward = request(
        replica + (incoming.url ?? ''),
        { method: incoming.method, headers: incoming.headers, agent },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.on('error', () => outgoing.destroy()).pipe(outgoing)
        },
      )
      outgoing.once('close', () => onward.destroy())
      onward.on('error', (error: NodeJS.ErrnoException) => {
        if (outgoing.headersSent || outgoing.destroyed) return void outgoing.destroy()
        unready.add(replica)
        if (error.code === 'ECONNREFUSED') return pass(body, tries - 1)
        outgoing.writeHead(502).end()
      })
      passed.set(replica, (passed.get(replica) ?? 0) + 1)
      onward.end(body)
    }
  })
  const url = await listening(http)
  return {
    url,
    replicas,
    passed,
    async stop() {
      clearInterval(checks)
      agent.destroy()
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}
