import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'

// The bare reverse proxy of the bench, a process of its own: what Node needs to pass a request on over kept-alive connections and nothing else.
const target = new URL(process.argv[2]!)
const agent = new Agent({ keepAlive: true, maxSockets: 256 })

const http = createServer((incoming, outgoing) => {
  const passed = request(
    {
      host: target.hostname,
      port: target.port,
      path: incoming.url,
      method: incoming.method,
      headers: incoming.headers,
      agent,
    },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    },
  )
  passed.on('error', () => outgoing.destroy())
  incoming.pipe(passed)
})
http.listen(0, '127.0.0.1')
await once(http, 'listening')
process.send?.((http.address() as { port: number }).port)
