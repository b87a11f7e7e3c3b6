import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'vitest'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'

dbTest(
  'a broker that is started before its database begins when that is there',
  { timeout: 180_000 },
  async ({ databaseUrl }) => {
    const proxy = await startTcpProxy(databaseUrl)
    await proxy.cut()
    let tries = 0
    const nothing = createServer((socket) => {
      tries += 1
      socket.destroy()
    })
    nothing.listen(proxy.port, '127.0.0.1')
    await once(nothing, 'listening')
    const starting = startBrokerProcess({ databaseUrl: proxy.url })
    // It fails to start only where nobody looks before it is awaited.
    starting.catch(() => {})
    await until(() => tries >= 3, 90_000)
    nothing.close()
    await once(nothing, 'close')
    await proxy.restore()
    const broker = await starting
    expect(await broker.stop()).toBe(0)
    await proxy.stop()
  },
)
