import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent } from '#lib/dev/test/fleet.ts'
import { type Stack, startStack } from '#lib/dev/test/stack.ts'
import { createBwrapDriver } from './bwrap/driver.ts'
import { rendered, TestRuns } from './testing/runs.ts'
import { leftovers } from './testing/test-driver.ts'

type Process = { child: ChildProcess; port: number; home: string; output: () => string; exited: Promise<number | null> }

/** The model runs the command that it is told, once. */
const stackTest = dbTest.extend('stack', { scope: 'file' }, async ({ databaseUrl }, { onCleanup }): Promise<Stack> => {
  const stack = await startStack({
    databaseUrl,
    script({ messages }, turn) {
      const content = messages[0]?.content ?? ''
      const command = typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('')
      return turn === 0 ? { calls: [{ name: 'bash', input: { command } }] } : { text: 'Done.' }
    },
  })
  onCleanup(stack.stop)
  return stack
})
const harnessTest = stackTest.extend('runs', { scope: 'file' }, ({ db, stack }): TestRuns => {
  const { WHEELHOUSE_CLAUDE_PORT: port, WHEELHOUSE_CLAUDE_KEY: apiKey = '' } = stack.env
  return new TestRuns({ db, url: `http://127.0.0.1:${port}`, apiKey })
})

async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-main-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  return home
}

async function startMain(env: Record<string, string>, home?: string): Promise<Process> {
  const folder = home ?? (await newHome())
  const port = await freePort()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: {
      PATH: process.env['PATH'] ?? '',
      WHEELHOUSE_HOME: folder,
      WHEELHOUSE_SANDBOX_PORT: String(port),
      ...env,
    } as never,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  return { child, port, home: folder, output: () => text, exited }
}

async function status(port: number, path: string): Promise<number> {
  return await fetch(`http://127.0.0.1:${port}${path}`).then(
    (response) => response.status,
    () => 0,
  )
}

async function eventually(holds: () => Promise<boolean> | boolean, withinMs = 30_000): Promise<void> {
  const until = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`not within ${withinMs} ms`)
    await sleep(50)
  }
}

async function left(home: string): Promise<string[]> {
  const folder = join(home, 'sandbox')
  return await leftovers(createBwrapDriver({ folder }), folder)
}

// Each starts a real process, which tries its sandboxes first: seconds on an idle machine, more on a busy one.
const timeout = 90_000

describe('the process', { timeout }, () => {
  harnessTest(
    'serves more sessions than it has places, one after the other, and stops cleanly',
    async ({ db, stack, runs }) => {
      const { id } = await makeAgent(db, { rendered })
      const all = [await runs.start(id, 'echo served'), await runs.start(id, 'echo served')]
      const service = await startMain({ ...stack.env, WHEELHOUSE_SANDBOX_SESSIONS: '1' })
      await eventually(async () => (await status(service.port, '/readyz')) === 200)
      const first = await Promise.race(all.map(async (run) => ({ run, results: await runs.finished(run.sessionId) })))
      expect(first.results).toEqual(['served'])
      const second = all.find((run) => run !== first.run)!
      expect(await runs.results(second.sessionId)).toEqual([])
      await runs.end(first.run)
      expect(await runs.finished(second.sessionId)).toEqual(['served'])
      await runs.end(second)
      service.child.kill('SIGTERM')
      expect(await service.exited).toBe(0)
      expect(await left(service.home)).toEqual([])
      expect(service.output()).not.toContain(stack.env['WHEELHOUSE_ENVIRONMENT_KEY'])
    },
  )

  harnessTest(
    'lets a command finish after the first SIGTERM, and ends it on the second',
    async ({ db, stack, runs }) => {
      const { id } = await makeAgent(db, { rendered })
      const run = await runs.start(id, 'sleep 600')
      const service = await startMain({ ...stack.env, WHEELHOUSE_GRACE_MS: '60000' })
      await eventually(
        async () => service.output().includes('work item taken') && (await left(service.home)).length > 0,
      )
      service.child.kill('SIGTERM')
      await sleep(1500)
      expect(service.child.exitCode).toBeNull()
      expect(await status(service.port, '/healthz')).toBe(200)
      service.child.kill('SIGTERM')
      expect(await service.exited).toBe(0)
      expect(await left(service.home)).toEqual([])
      await runs.end(run)
    },
  )

  harnessTest('takes its sandboxes along when it is killed', async ({ db, stack, runs }) => {
    const { id } = await makeAgent(db, { rendered })
    const run = await runs.start(id, 'setsid sleep 600 & sleep 600')
    const service = await startMain(stack.env)
    const processes = async () => (await left(service.home)).filter((what) => what.startsWith('process'))
    await eventually(async () => service.output().includes('work item taken') && (await processes()).length > 0)
    service.child.kill('SIGKILL')
    await service.exited
    await eventually(async () => (await processes()).length === 0, 3000)
    await runs.end(run)
    const next = await startMain(stack.env, service.home)
    await eventually(async () => (await status(next.port, '/readyz')) === 200)
    next.child.kill('SIGTERM')
    expect(await next.exited).toBe(0)
    expect(await left(service.home)).toEqual([])
  })

  harnessTest('refuses a folder that another one uses, and says which', async ({ stack }) => {
    const first = await startMain(stack.env)
    await eventually(async () => (await status(first.port, '/healthz')) === 200)
    const second = await startMain(stack.env, first.home)
    expect(await second.exited).toBe(1)
    expect(second.output()).toMatch(new RegExp(`process id ${first.child.pid}`))
    first.child.kill('SIGTERM')
    expect(await first.exited).toBe(0)
  })

  harnessTest('names every wrong variable', async () => {
    const service = await startMain({ WHEELHOUSE_SANDBOX_SESSIONS: 'many' })
    expect(await service.exited).toBe(1)
    for (const name of ['DATABASE_URL', 'WHEELHOUSE_ENVIRONMENT_KEY', 'WHEELHOUSE_SANDBOX_SESSIONS']) {
      expect(service.output()).toContain(name)
    }
  })
})

describe('without its database', { timeout }, () => {
  harnessTest('no new sandbox is made, and it says that it is not ready', async ({ db, stack, runs, databaseUrl }) => {
    const gate = await startGate(databaseUrl)
    const service = await startMain({ ...stack.env, DATABASE_URL: gate.url })
    await eventually(async () => (await status(service.port, '/readyz')) === 200)
    gate.shut()
    await sleep(6000)
    expect(await status(service.port, '/readyz')).toBe(503)
    expect(await status(service.port, '/healthz')).toBe(200)
    const { id } = await makeAgent(db, { rendered })
    const run = await runs.start(id, 'echo in')
    expect((await runs.finished(run.sessionId))[0]).toMatch(/does not know the stop orders/)
    gate.open()
    await eventually(async () => (await status(service.port, '/readyz')) === 200)
    await runs.end(run)
    service.child.kill('SIGTERM')
    expect(await service.exited).toBe(0)
  })
})

/** A way to the database that can be shut and opened. */
async function startGate(databaseUrl: string): Promise<{ url: string; shut(): void; open(): void }> {
  const target = new URL(databaseUrl)
  let isOpen = true
  const sockets = new Set<{ destroy(): void }>()
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    if (!isOpen) return void socket.destroy()
    const upstream = connect(Number(target.port), target.hostname)
    for (const each of [socket, upstream]) {
      sockets.add(each)
      each.on('error', () => {})
      each.on('close', () => [socket, upstream].map((other) => other.destroy()))
    }
    socket.pipe(upstream).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    shut() {
      isOpen = false
      for (const socket of sockets) socket.destroy()
    },
    open() {
      isOpen = true
    },
  }
}
