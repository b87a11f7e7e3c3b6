import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'

export type HealthServer = { port: number; stop(): Promise<void> }

/** /healthz: the process answers · /readyz: it does its work, else 503 with what is missing · /metrics: Prometheus text. */
export async function startHealthServer(options: {
  host: string
  port: number
  registry: Registry
  /** What keeps it from its work, in words; empty: nothing. */
  problems: () => string[]
}): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
    }
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET') return answer(405, 'GET only\n')
    if (path === '/healthz') return answer(200, 'ok\n')
    if (path === '/readyz') {
      const problems = options.problems()
      return problems.length ? answer(503, `${problems.join('\n')}\n`) : answer(200, 'ready\n')
    }
    if (path !== '/metrics') return answer(404, 'not found\n')
    options.registry.metrics().then(
      (text) => answer(200, text, options.registry.contentType),
      () => answer(500, 'metrics failed\n'),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
