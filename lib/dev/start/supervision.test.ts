import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { Reaper } from './reaper.ts'
import { restartDelay, Supervised } from './supervised.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** A supervised `node -e` whose output is collected. */
function supervise(script: string): { process: Supervised; lines: string[] } {
  const lines: string[] = []
  const reaper = new Reaper()
  reaper.start()
  const supervised = new Supervised(
    { name: 'fixture', command: process.execPath, args: ['-e', script], env: { ...process.env }, cwd: process.cwd() },
    {
      output: {
        line: (text) => lines.push(text),
        attach: (stream) => stream?.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trim().split('\n'))),
        tail: () => '',
        close: () => {},
      },
      reaper,
    },
  )
  cleanups.push(async () => {
    await supervised.stop(0)
    reaper.stop()
  })
  return { process: supervised, lines }
}

describe('a supervised process', () => {
  test('is started again when it ends by itself, with growing pauses', async () => {
    const { process: supervised, lines } = supervise('console.log("run"); process.exit(3)')
    supervised.start()
    await until(() => lines.filter((line) => line === 'run').length >= 2)
    expect(lines).toContain('ended (code 3), starts again in 0.5 s')
    await until(() => lines.includes('ended (code 3), starts again in 1 s'))
    expect([1, 2, 3, 7, 20].map(restartDelay)).toEqual([500, 1000, 2000, 30_000, 30_000])
  })

  test('may finish its work when it is stopped, and is not started again', async () => {
    const { process: supervised, lines } = supervise(
      'process.on("SIGTERM", () => setTimeout(() => { console.log("finished"); process.exit(0) }, 200)); setInterval(() => {}, 1000); console.log("up")',
    )
    supervised.start()
    await until(() => lines.includes('up'))
    await supervised.stop(5000)
    await until(() => lines.includes('finished'))
    expect(lines.filter((line) => line.includes('starts again'))).toEqual([])
  })

  test('is ended by force when it does not listen, with everything it has started', async () => {
    const { process: supervised, lines } = supervise(`
      const child = require('node:child_process').spawn('sleep', ['600'])
      process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('child ' + child.pid)`)
    supervised.start()
    await until(() => lines.some((line) => line.startsWith('child ')))
    const child = Number(lines.find((line) => line.startsWith('child '))!.slice(6))
    await supervised.stop(300)
    await until(() => !isAlive(child))
    expect(lines).toContain('did not end within 300 ms, so it is ended by force')
  })
})

test('nothing is left running when the supervisor itself is killed', async () => {
  const here = (file: string) => pathToFileURL(join(import.meta.dirname, file)).href
  const script = `
    import { Reaper } from '${here('reaper.ts')}'
    import { Supervised } from '${here('supervised.ts')}'
    const reaper = new Reaper()
    reaper.start()
    const output = { line() {}, attach: (stream) => stream.on('data', (text) => process.stdout.write(text)), close() {} }
    const stubborn = "const c = require('node:child_process').spawn('sleep', ['600']); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('pids', process.pid, c.pid)"
    new Supervised({ name: 'x', command: process.execPath, args: ['-e', stubborn], env: process.env, cwd: '/' }, { output, reaper }).start()`
  const supervisor = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [chunk] = (await once(supervisor.stdout, 'data')) as [Buffer]
  const pids = chunk.toString().trim().split(' ').slice(1).map(Number)
  expect(pids.map(isAlive)).toEqual([true, true])
  supervisor.kill('SIGKILL')
  await until(() => !pids.some(isAlive), 15_000)
}, 20_000)

async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('It did not happen in time.')
    await sleep(20)
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
