import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Probe } from '../driver.ts'
import { runInSandbox } from '../run.ts'
import { type Arena, startArena } from '../testing/arena.ts'
import { testLimits } from '../testing/test-driver.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let arena: Arena
let probe: Probe
beforeAll(async () => {
  arena = await startArena()
  probe = await arena.driver.probe()
})
afterEach(() => arena.settle())
afterAll(() => arena.end())

describe('resources', () => {
  test('a fork bomb stays in its sandbox and ends with it', async () => {
    const { id, run } = await arena.attacker({ processes: 64 })
    const bomb = run('bomb() { bomb | bomb & }; bomb; sleep 2', 3000)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const { processes } = await arena.driver.stats(id)
    expect(processes).toBeLessThanOrEqual(64 + 16)
    expect((await arena.neighbour.run('echo well')).text).toBe('well\n')
    await bomb
  })

  test('memory is bounded in one process', async () => {
    const { run } = await arena.attacker({ memoryBytes: 160 << 20 })
    const outcome = await run(
      `node -e 'const all = []; for (let n = 0; n < 90; n++) all.push(Buffer.alloc(8 << 20, 1)); console.log("took it all")'`,
    )
    expect(outcome.text).not.toContain('took it all')
  })

  test('memory is bounded in many processes and in scratch files together', async () => {
    const { run } = await arena.attacker({ memoryBytes: 160 << 20, scratchBytes: 128 << 20 })
    const hog = `node -e 'const b = Buffer.alloc(60 << 20, 1); setTimeout(() => console.log("kept", b.length), 1000)'`
    const outcome = await run(`head -c 60M /dev/zero > /tmp/fill; ${hog} & ${hog} & ${hog} & wait; echo over`)
    // Without control groups only single processes are bounded, and the probe has to say so.
    const kept = outcome.text.match(/^kept/gm)?.length ?? 0
    expect(probe.enforces.memory?.startsWith('cgroup') ? kept < 3 : probe.enforces.memory === 'per process').toBe(true)
  })

  test('an endless output is cut off, and costs the service little', async () => {
    const { run } = await arena.attacker()
    const before = process.memoryUsage().rss
    const outcome = await run('yes "$(head -c 4000 /dev/zero | tr "\\0" x)"')
    expect(outcome.ended).toBe('output')
    expect(outcome.stdout.length).toBeLessThan(101_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20)
  })

  test('the disk, scratch and single files are bounded', async () => {
    const { run } = await arena.attacker()
    const { text } = await run(
      'for at in /workspace /tmp /dev/shm; do for n in 1 2 3; do head -c 23M /dev/zero > $at/$n || true; done; du -sm $at | cut -f1; rm -f $at/?; done',
    )
    const [workspace, scratch, shared] = text
      .split('\n')
      .filter((line) => /^\d+$/.test(line))
      .map(Number)
    expect(scratch).toBeLessThanOrEqual(testLimits.scratchBytes >> 20)
    expect(shared).toBeLessThanOrEqual(testLimits.scratchBytes >> 20)
    // A folder without a volume is bounded by nothing but the size of each file, and the probe has to say so.
    expect(workspace).toBeLessThanOrEqual(
      probe.enforces.disk ? testLimits.diskBytes >> 20 : 3 * (testLimits.fileBytes >> 20),
    )
    const big = await run('head -c 30M /dev/zero > /workspace/big; stat -c %s /workspace/big')
    expect(Number(big.text.trim().split('\n').at(-1))).toBeLessThanOrEqual(testLimits.fileBytes)
  })

  test('open files, CPU time and wall time are bounded', async () => {
    const { run } = await arena.attacker({ openFiles: 128, cpuSeconds: 1 })
    expect(
      (
        await run(
          'python3 -c "[open(\'/dev/null\') for _ in range(1000)]; import os" 2>&1 | tail -1; ulimit -n 4096 2>&1',
        )
      ).text,
    ).toMatch(/Too many open files.*\n.*(not permitted|Invalid)/)
    const busy = await run('node -e "for (;;);"; echo code $?')
    expect(busy.text).toMatch(/code 1(37|52)/)
    const idle = await run('sleep 60', 300)
    expect(idle.ended).toBe('timeout')
  })
})

describe('the end of a session', () => {
  test('ends daemons that forked twice, ignore every signal and left their group and session', async () => {
    const { id, run } = await arena.attacker()
    await run(
      `for n in 1 2 3; do (setsid bash -c 'trap "" TERM INT HUP QUIT USR1 USR2; (while :; do sleep 1; done) & wait' > /dev/null 2>&1 < /dev/null &) ; done`,
    )
    // Three for the sandbox itself, three for each daemon.
    await vi.waitUntil(async () => (await arena.driver.stats(id)).processes >= 12, { timeout: 10_000 })
    const report = await arena.driver.kill(id)
    expect(report.processes).toBeGreaterThanOrEqual(12)
    expect(report).toMatchObject({ survivors: [] })
    // Milliseconds when idle; the machine of a test may be very busy.
    expect(report.ms).toBeLessThan(15_000)
  })

  test('is survived by the workspace, not by scratch or processes', async () => {
    const { id, run } = await arena.attacker()
    await run('echo kept > kept; echo gone > /tmp/gone; sleep 1000 &')
    await arena.driver.kill(id)
    await arena.driver.create({ id: `${id}2`, workspace: id, limits: testLimits })
    const argv = ['/bin/bash', '-c', 'cat kept; ls /tmp; ps -e -o comm=; ls -A'] as const
    const { stdout } = await runInSandbox(arena.driver, `${id}2`, { argv, timeoutMs: 5000, keepBytes: 1000 })
    expect(stdout.toString()).toMatch(/^kept\n/)
    expect(stdout.toString()).not.toMatch(/gone|sleep|lost/)
  })

  test('one workspace has one sandbox at a time', async () => {
    const { driver } = arena
    const spec = { workspace: 'shared', limits: testLimits }
    const outcomes = await Promise.allSettled([
      driver.create({ ...spec, id: 'first' }),
      driver.create({ ...spec, id: 'second' }),
    ])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })

  test('killing the supervisor ends the sandbox, cleanly', async () => {
    const { id, run } = await arena.attacker()
    const outcome = await run('kill -9 2; sleep 5')
    expect(outcome.exit).toMatchObject({ kind: 'lost' })
    expect((await arena.driver.list()).some((sandbox) => sandbox.id === id)).toBe(false)
  })
})
