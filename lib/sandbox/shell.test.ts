import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Shell } from './shell.ts'
import { type TestDriver, testDriver } from './testing/test-driver.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let sandboxes: TestDriver
beforeAll(async () => {
  sandboxes = await testDriver()
})
afterAll(() => sandboxes.end())

const limits = { keepBytes: 2000, outputBytesMax: 1_000_000 }
const timeoutMs = 10_000

describe('the shell of a session', () => {
  test('keeps its working directory, variables and functions from command to command', async () => {
    const shell = new Shell(await sandboxes.start(), limits)
    await shell.run('mkdir -p deep/er && cd deep/er && export COLOUR=blue && greet() { echo "hi $1"; }', { timeoutMs })
    expect(await shell.run('pwd; echo $COLOUR; greet you', { timeoutMs })).toMatchObject({
      output: '/workspace/deep/er\nblue\nhi you',
      code: 0,
    })
  })

  test('tells the exit code, and survives a syntax error', async () => {
    const shell = new Shell(await sandboxes.start(), limits)
    expect(await shell.run('echo out; echo err >&2; (exit 7)', { timeoutMs })).toMatchObject({
      output: 'out\nerr',
      code: 7,
    })
    expect(await shell.run('echo "unfinished', { timeoutMs })).toMatchObject({ code: 2, shellEnded: false })
    expect(await shell.run('printf "no newline"', { timeoutMs })).toMatchObject({ output: 'no newline', code: 0 })
    expect(await shell.run('cat; wait; echo hello > /dev/stdout', { timeoutMs })).toMatchObject({
      output: 'hello',
      code: 0,
    })
  })

  test('a command that ends the shell gets a new one next time', async () => {
    const shell = new Shell(await sandboxes.start(), limits)
    expect(await shell.run('echo bye; exit 3', { timeoutMs })).toMatchObject({
      output: 'bye',
      code: 3,
      shellEnded: true,
    })
    expect(await shell.run('echo back', { timeoutMs })).toMatchObject({ output: 'back', code: 0 })
  })

  test('a command over its time is ended with all it started, even when it ignores SIGTERM', async () => {
    const sandbox = await sandboxes.start()
    const shell = new Shell(sandbox, limits)
    const stubborn = `setsid bash -c 'trap "" TERM INT HUP; while :; do sleep 0.05; done' & trap '' TERM; echo started; while :; do :; done`
    const began = Date.now()
    const outcome = await shell.run(stubborn, { timeoutMs: 500 })
    expect(outcome).toMatchObject({ ended: 'timeout', code: null, output: 'started' })
    // About half a second when idle; the machine of a test may be very busy.
    expect(Date.now() - began).toBeLessThan(15_000)
    expect((await shell.run('ps -e -o comm= | sort | uniq -c', { timeoutMs })).output).not.toMatch(/sleep/)
  })

  test('keeps the beginning and the end of a long output, and ends an endless one', async () => {
    const shell = new Shell(await sandboxes.start(), limits)
    const long = await shell.run('seq 1 5000', { timeoutMs })
    expect(long.output).toMatch(/^1\n2\n/)
    expect(long.output).toMatch(/bytes left out/)
    expect(long.output).toMatch(/5000$/)
    expect(await shell.run('yes', { timeoutMs: 20_000 })).toMatchObject({ ended: 'output', code: null })
  })

  test('commands given at once run one after the other', async () => {
    const shell = new Shell(await sandboxes.start(), limits)
    const outcomes = await Promise.all(
      [1, 2, 3].map((n) => shell.run(`echo a${n}; sleep 0.05; echo b${n}`, { timeoutMs })),
    )
    expect(outcomes.map(({ output }) => output)).toEqual(['a1\nb1', 'a2\nb2', 'a3\nb3'])
  })

  test('restart ends background jobs and forgets variables', async () => {
    const shell = new Shell(await sandboxes.start(), limits)
    await shell.run('X=1; sleep 1000 & setsid sleep 1001 & disown -a', { timeoutMs })
    await shell.restart()
    expect(await shell.run('echo "[$X]"; pgrep -c sleep', { timeoutMs })).toMatchObject({ output: '[]\n0' })
  })

  test('says when the sandbox is gone', async () => {
    const sandbox = await sandboxes.start()
    const shell = new Shell(sandbox, limits)
    const outcome = shell.run('sleep 100', { timeoutMs })
    await new Promise((resolve) => setTimeout(resolve, 200))
    await sandbox.driver.kill(sandbox.id)
    expect(await outcome).toMatchObject({ lost: 'The sandbox was ended while this ran.', code: null })
    await expect(shell.run('true', { timeoutMs })).rejects.toMatchObject({ code: 'not_found' })
  })
})
