import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { runInSandbox } from '../run.ts'
import { leftovers, testLimits } from '../testing/test-driver.ts'
import { createBwrapDriver } from './driver.ts'
import { labelledProcesses } from './processes.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-sandbox-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Another process with a busy sandbox on the folder. */
async function startVictim(folder: string) {
  const program = `
    const [{ createBwrapDriver }, { runInSandbox }] = await Promise.all(['bwrap/driver.ts', 'run.ts'].map((file) => import(process.argv[1] + '/' + file)))
    const driver = createBwrapDriver({ folder: process.argv[2] })
    await driver.create({ id: 'victim', workspace: 'work', limits: ${JSON.stringify(testLimits)} })
    await runInSandbox(driver, 'victim', { argv: ['/bin/bash', '-c', 'echo kept > kept; (setsid sleep 1000 &) ; sync'], timeoutMs: 5000, keepBytes: 100 })
    console.log('busy')
    setInterval(() => {}, 1000)`
  const argv = ['--input-type=module', '-e', program, join(import.meta.dirname, '..'), folder]
  const victim = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(victim.stdout, 'data')
  return victim
}

describe('when the service is killed', () => {
  test('its sandboxes end with it, and the next one cleans up and finds the files', async () => {
    const folder = await newFolder()
    const victim = await startVictim(folder)
    const driver = createBwrapDriver({ folder })
    const before = await leftovers(driver, folder)
    expect(before.some((what) => what.startsWith('process'))).toBe(true)
    const killed = Date.now()
    victim.kill('SIGKILL')
    await once(victim, 'exit')
    while ((await leftovers(driver, folder)).some((what) => what.startsWith('process'))) {
      expect(Date.now() - killed).toBeLessThan(15_000)
      await sleep(10)
    }
    const reaped = await driver.reap()
    // Without control groups nothing but processes could be left, and they are gone.
    if (before.some((what) => what.includes('wheelhouse-'))) expect(reaped.sandboxes).toEqual(['victim'])
    await driver.create({ id: 'next', workspace: 'work', limits: testLimits })
    const argv = ['/bin/bash', '-c', 'cat kept; ps -e -o comm='] as const
    const { stdout } = await runInSandbox(driver, 'next', { argv, timeoutMs: 5000, keepBytes: 1000 })
    expect(stdout.toString()).toMatch(/^kept\n/)
    expect(stdout.toString()).not.toMatch(/sleep/)
    await driver.kill('next')
    await driver.discard('work')
    expect(await leftovers(driver, folder)).toEqual([])
  })

  test('reaping ends what is still running, by its label, and nothing else', async () => {
    const folder = await newFolder()
    const other = await newFolder()
    const [victim, bystander] = await Promise.all([startVictim(folder), startVictim(other)])
    onTestFinished(() => void [victim, bystander].map((process) => process.kill('SIGKILL')))
    const driver = createBwrapDriver({ folder })
    const reaped = await driver.reap()
    expect(reaped.sandboxes).toEqual(['victim'])
    expect(reaped.processes).toBeGreaterThan(0)
    expect(await leftovers(driver, folder)).toEqual([])
    const otherDriver = createBwrapDriver({ folder: other })
    expect((await leftovers(otherDriver, other)).length).toBeGreaterThan(0)
    await otherDriver.reap()
    expect(await leftovers(otherDriver, other)).toEqual([])
  })
})

describe('workspaces', () => {
  test('are removed whatever is in them, and only they', async () => {
    const folder = await newFolder()
    const driver = createBwrapDriver({ folder })
    await driver.create({ id: 'one', workspace: 'work', limits: testLimits })
    const outside = join(folder, 'outside')
    await writeFile(outside, 'stays')
    const script = `mkdir -p a/b; touch a/b/c; ln -s ${folder} link; chmod 0 a/b a; mkdir locked; chmod 0 locked`
    await runInSandbox(driver, 'one', { argv: ['/bin/bash', '-c', script], timeoutMs: 5000, keepBytes: 100 })
    await driver.kill('one')
    expect((await driver.workspaces()).map(({ workspace }) => workspace)).toEqual(['work'])
    await driver.discard('work')
    expect(await driver.workspaces()).toEqual([])
    expect(await readdir(folder)).toContain('outside')
  })

  test('two at once never get the same host user', async () => {
    const folder = await newFolder()
    const driver = createBwrapDriver({ folder })
    const ids = ['a', 'b', 'c']
    await Promise.all(ids.map((id) => driver.create({ id, workspace: id, limits: testLimits })))
    const users = new Set<number>()
    for (const { pid } of await labelledProcesses(driver.label)) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      users.add(Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]))
    }
    for (const id of ids) await driver.kill(id)
    expect(users.size).toBe(process.getuid!() === 0 ? ids.length : 1)
    expect(users.has(0)).toBe(false)
  })
})
