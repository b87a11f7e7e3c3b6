import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { trackConnections } from './connections.ts'

test('a connection on which nothing was asked is closed with the idle ones; one that waits for its answer is not', async () => {
  const held = Promise.withResolvers<void>()
  const server = createServer((_, response) => void held.promise.then(() => response.end('done')))
  const connections = trackConnections(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const asked = once(server, 'request')
  const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())
  await asked
  const ahead = connect(port, '127.0.0.1')
  await Promise.all([once(ahead, 'connect'), once(server, 'connection')])
  const closed = once(ahead, 'close')
  connections.closeIdle()
  await closed
  held.resolve()
  expect(await answer).toBe('done')
  server.close()
  connections.closeIdle()
  await once(server, 'close')
})

/** A server that has answered a reader who has not read yet. */
async function answered(partingMs: number) {
  const bytes = 16 * 1024 * 1024
  const server = createServer((_, response) => response.end(Buffer.alloc(bytes)))
  const connections = trackConnections(server, { partingMs })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const reader = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  const asked = once(server, 'request')
  reader.on('error', () => {}).write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await asked
  return { server, connections, reader, bytes }
}

test('a server that ends lets an answer be read that was given before', async () => {
  const { connections, reader, bytes } = await answered(50_000)
  const over = once(reader, 'close')
  const closed = connections.close()
  await new Promise((resolve) => setImmediate(resolve))
  let read = 0
  reader.on('data', (chunk: Buffer) => (read += chunk.length)).resume()
  await Promise.all([closed, over])
  expect(read).toBeGreaterThan(bytes)
})

test('who does not read an answer keeps no server from ending', async () => {
  const { server, connections, reader } = await answered(100)
  await connections.close()
  expect(server.listening).toBe(false)
  reader.destroy()
})
