import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { readBody } from './http-messages.ts'
import { RequestBodies } from './request-bodies.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** A request whose body comes in pieces of one byte. */
async function inPieces(count: number): Promise<IncomingMessage> {
  const http = createServer()
  const { hostname, port } = new URL(await listening(http))
  const socket = connect({ host: hostname, port: Number(port) })
  stops.push(async () => {
    socket.destroy()
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  socket.write(
    `POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`,
  )
  const [request] = (await once(http, 'request')) as [IncomingMessage]
  return request
}

test('what comes byte by byte counts as what it takes, not as what it says', async () => {
  const bodies = new RequestBodies({ agentRequestBytesMax: 100_000, requestsBytesMax: 1_000_000 })
  const hold = (bytes: number) => bodies.hold('agent', bytes)
  expect(await readBody(await inPieces(100), 1000, hold)).toBe('x'.repeat(100))
  await expect(readBody(await inPieces(900), 1000, hold)).rejects.toMatchObject({
    refusal: { status: 429, denial: { rule: 'calls_at_once', facts: { scope: 'agent', limit: 100_000 } } },
  })
})

test('what is let go may be held again', () => {
  const bodies = new RequestBodies({ agentRequestBytesMax: 10, requestsBytesMax: 15 })
  expect([bodies.hold('one', 10), bodies.hold('other', 5)]).toEqual([null, null])
  expect([bodies.hold('one', 1)?.status, bodies.hold('other', 1)?.status]).toEqual([429, 503])
  bodies.letGo('one', 10)
  expect([bodies.hold('other', 5), bodies.hold('one', 5), bodies.hold('one', 1)?.status]).toEqual([null, null, 503])
})
