import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { limitConnections } from './connection-limit.ts'

test('a connection above the limit is dropped and counted, and the log says so once a minute', async () => {
  let now = 0
  let dropped = 0
  const logged: object[] = []
  const server = createServer()
  limitConnections(server, {
    connectionsMax: 1,
    onDropped: () => (dropped += 1),
    log: { warn: (said: object) => void logged.push(said) },
    nowMs: () => now,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const first = connect(port, '127.0.0.1')
  await once(server, 'connection')
  for (now of [0, 1, 59_999, 60_000, 60_001]) {
    const heard = once(server, 'drop')
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    await heard
    socket.destroy()
  }
  expect(dropped).toBe(5)
  expect(logged).toEqual([
    { connectionsMax: 1, dropped: 1 },
    { connectionsMax: 1, dropped: 3 },
  ])
  first.destroy()
  server.close()
})
