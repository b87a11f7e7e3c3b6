import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { expect, onTestFinished } from 'vitest'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { seedPrograms } from './programs.ts'

async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-seed-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  return home
}

dbTest('the demo program is registered once, and works from its folder alone', async ({ db }) => {
  const home = await newHome()
  await seedPrograms(ctxFor(db), { home, platform: 'darwin' })
  expect(await db.mcpServer.count()).toBe(0)
  for (let times = 0; times < 2; times += 1) await seedPrograms(ctxFor(db), { home, platform: 'linux' })
  expect(await db.mcpServer.findMany()).toMatchObject([{ id: 'workdays', transport: 'stdio', demo: true }])
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  const cwd = join(home, 'stdio/workdays')
  await client.connect(new StdioClientTransport({ command: process.execPath, args: ['workdays.ts'], cwd }))
  const call = async (name: string, given: Record<string, unknown>) =>
    (await client.callTool({ name, arguments: given })).structuredContent
  // 29 May 2026 is a Friday.
  expect(await call('add_workdays', { from: '2026-05-29', days: 1 })).toEqual({ day: '2026-06-01' })
  expect(await call('add_workdays', { from: '2026-06-01', days: -6 })).toEqual({ day: '2026-05-22' })
  expect(await call('workdays_between', { from: '2026-05-29', to: '2026-06-05' })).toEqual({ workdays: 5 })
  expect(await call('workdays_between', { from: '2026-06-05', to: '2026-05-29' })).toEqual({ workdays: 0 })
  await client.close()
})

dbTest('a server of somebody’s own under this name is left alone', async ({ db }) => {
  const rest = { name: 'Ours', description: '', environment: 'staging', sensitivity: 'internal' } as const
  await db.mcpServer.upsert({
    where: { id: 'workdays' },
    create: { id: 'workdays', url: 'http://127.0.0.1:1/mcp', ...rest },
    update: { demo: false, name: 'Ours' },
  })
  await seedPrograms(ctxFor(db), { home: await newHome(), platform: 'linux' })
  expect(await db.mcpServer.findUnique({ where: { id: 'workdays' } })).toMatchObject({ name: 'Ours', demo: false })
})
