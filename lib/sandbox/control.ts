import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'

export type Control = { port: number; stop(): Promise<void> }

type Answers = {
  registry: Registry
  /** What keeps the service from serving; empty when it is ready. */
  problems: () => string[]
  /** Facts that operators want to see, without secrets. */
  facts: () => Record<string, unknown>
  /** Takes a request of the broker to a server over stdio; false when it is none. */
  serve?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** A ticket with the variables of a process is longer than the headers of other requests. */
const headerBytesMax = 64 * 1024

/** /healthz (the process answers), /readyz (it can serve; 503 with the reasons when not) and /metrics, for this machine's operators. */
export async function startControl(address: { host: string; port: number }, answers: Answers): Promise<Control> {
  const server = createServer({ maxHeaderSize: headerBytesMax }, (request, response) => {
    if (answers.serve?.(request, response)) return
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET') return json(405, { error: 'Only GET.' })
    if (path === '/healthz') return json(200, { status: 'ok' })
    if (path === '/readyz') {
      const problems = answers.problems()
      return json(problems.length ? 503 : 200, { ready: problems.length === 0, problems, ...answers.facts() })
    }
    if (path !== '/metrics') return json(404, { error: 'There is /healthz, /readyz and /metrics.' })
    answers.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': answers.registry.contentType }).end(text),
      () => json(500, { error: 'The metrics could not be read.' }),
    )
  })
  server.listen(address.port, address.host)
  await once(server, 'listening')
  return { port: (server.address() as { port: number }).port, stop: () => close(server) }
}

async function close(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
  if (server.listening) await once(server, 'close')
}
