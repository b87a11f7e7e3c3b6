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
