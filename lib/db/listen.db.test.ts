import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createLog } from '#lib/log/log.ts'
import { listen } from './listen.ts'

const log = createLog({ process: 'test', level: 'silent' })

dbTest(
  'after a lost connection it listens again, once, and says that something may have been missed',
  async ({ databaseUrl }) => {
    const proxy = await startTcpProxy(databaseUrl)
    const heard: string[] = []
    const listener = await listen({
      databaseUrl: proxy.url,
      channels: ['wheelhouse_stop'],
      onNotify: (_channel, payload) => heard.push(payload),
      log,
    })
    const sender = new pg.Client({ connectionString: databaseUrl })
    await sender.connect()
    try {
      await sender.query(`notify wheelhouse_stop, 'one'`)
      await until(() => heard.includes('one'))
      await proxy.cut()
      await sleep(1500)
      await proxy.restore()
      await until(() => heard.includes(''))
      await sender.query(`notify wheelhouse_stop, 'two'`)
      await until(() => heard.includes('two'))
      await sleep(200)
      expect(heard).toEqual(['one', '', 'two'])
    } finally {
      await sender.end()
      await listener.stop()
      await proxy.stop()
    }
  },
)

dbTest('a database that refuses to listen leaves no connection behind', async ({ databaseUrl }) => {
  const broken = listen({ databaseUrl, channels: ['no such channel' as 'wheelhouse_run'], onNotify: () => {}, log })
  await expect(broken).rejects.toThrow()
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const left = await client.query(
    `select 1 from pg_stat_activity where application_name = 'wheelhouse-listen' and datname = current_database()`,
  )
  await client.end()
  expect(left.rowCount).toBe(0)
})

dbTest('a connection that leads nowhere is given up, and it listens again', async ({ databaseUrl }) => {
  const proxy = await startTcpProxy(databaseUrl)
  const heard: string[] = []
  const lines: string[] = []
  const listening = () =>
    listen({
      databaseUrl: proxy.url,
      channels: ['wheelhouse_stop'],
      onNotify: (_channel, payload) => heard.push(payload),
      log: createLog({ process: 'test', destination: { write: (line) => void lines.push(line) } }),
      answerMs: 3000,
      beatMs: 100,
    })
  const listener = await listening()
  // Nothing is closed, as when a machine is gone or a firewall forgets.
  proxy.freeze()
  await until(() => lines.some((line) => line.includes('does not answer')))
  await expect(listening()).rejects.toThrow()
  await proxy.restore()
  await until(() => heard.includes(''))
  const sender = new pg.Client({ connectionString: databaseUrl })
  await sender.connect()
  await sender.query(`notify wheelhouse_stop, 'on'`)
  await until(() => heard.includes('on'))
  await sender.end()
  proxy.freeze()
  await listener.stop()
  await proxy.stop()
})

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries += 1) await sleep(50)
  expect(condition()).toBe(true)
}
