import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { canReach } from './account.ts'
import { ensureDatabase, startPostgres } from './server.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelhouse-postgres-'))
  await chmod(folder, 0o755)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a folder closed to PostgreSQL’s account is found out before it is used', async () => {
  const stranger = { name: 'stranger', uid: 61_234, gid: 61_234 }
  await mkdir(join(folder, 'closed'), { mode: 0o700 })
  expect(await canReach(stranger, join(folder, 'data'))).toBe(true)
  expect(await canReach(stranger, join(folder, 'closed/data'))).toBe(false)
  expect(await canReach(undefined, join(folder, 'closed/data'))).toBe(true)
})

test('data survives a stop, and even a server whose supervisor was killed is replaced without loss', async () => {
  const options = {
    folder: join(folder, 'data'),
    port: await freePort(),
    password: 'for-this-test',
    durable: true,
    onOutput: () => {},
  }
  const first = await startPostgres(options)
  await ensureDatabase(first, 'kept')
  await ensureDatabase(first, 'kept')
  await query(first.url('kept'), 'create table t as select 1 as x')
  await first.stop()

  // Started by a program that is then killed: the server goes on, and nobody has its handle.
  const script = `
    import { startPostgres } from '${pathToFileURL(join(import.meta.dirname, 'server.ts')).href}'
    const server = await startPostgres({ ...${JSON.stringify(options)}, onOutput() {} })
    console.log(server.process.pid)`
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(program.stdout, 'data')
  program.kill('SIGKILL')
  await once(program, 'close')

  const third = await startPostgres(options)
  expect(await query(third.url('kept'), 'select x from t')).toEqual([{ x: 1 }])
  await third.stop()
}, 60_000)

test('the password is asked for', async () => {
  const options = {
    folder: join(folder, 'data'),
    port: await freePort(),
    password: 'for-this-test',
    durable: false,
    onOutput: () => {},
  }
  const server = await startPostgres(options)
  await expect(query(server.url('postgres').replace('for-this-test', 'guess'), 'select 1')).rejects.toThrow(/password/)
  await server.stop()
}, 60_000)

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
