import { type IncomingMessage, request, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Match = (seen: { method: string; path: string }) => boolean

/** A proxy in front of one server, where a test can hold an answer back after the server has done its work. */
export type Gate = {
  url: string
  /** Every request that came, as `METHOD /path`. */
  seen: string[]
  /** Holds back the answer to the next request that matches; resolves when the server has answered it. */
  holdAnswer(match: Match): Promise<{ release(): void }>
  /** Answers every request with 503 until called again with false. */
  break(broken: boolean): void
  stop(): Promise<void>
}

export async function startGate(target: string): Promise<Gate> {
  const seen: string[] = []
  const holds: { match: Match; answered: (hold: { release(): void }) => void }[] = []
  let broken = false
  const server = createServer((incoming, response) => {
    const [method, path] = [incoming.method ?? '', incoming.url ?? '']
    seen.push(`${method} ${path}`)
    if (broken) {
      response.writeHead(503, { 'content-type': 'application/json', 'x-should-retry': 'false' })
      response.end('{"type":"error","error":{"type":"api_error","message":"broken on purpose"}}')
      return
    }
    const upstream = request(new URL(path, target), { method, headers: incoming.headers }, (answer) => {
      const at = holds.findIndex((hold) => hold.match({ method, path }))
      const hold = at < 0 ? undefined : holds.splice(at, 1)[0]
      if (hold) hold.answered({ release: () => pass(answer) })
      else pass(answer)
    })
    function pass(answer: IncomingMessage): void {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    }
    upstream.on('error', () => response.destroy())
    response.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    holdAnswer: (match) => new Promise((answered) => holds.push({ match, answered })),
    break: (value) => (broken = value),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
