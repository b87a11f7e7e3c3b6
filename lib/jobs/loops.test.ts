import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { createLog } from '#lib/log/log.ts'
import { every } from './every.ts'
import { startHealthServer } from './health.ts'
import { lateLoops, measureLoops } from './loops.ts'

const log = createLog({ process: 'test', level: 'silent' })
const hourMs = 3_600_000

/** Two loops that do nothing by themselves, by a clock that stands still, and what a worker says of them. */
async function startLoops() {
  const clock = { ms: 0 }
  const works: (() => Promise<void>)[] = []
  let begun = 0
  const work = (): Promise<void> => {
    begun += 1
    return works.shift()?.() ?? Promise.resolve()
  }
  const options = { log, clock: () => clock.ms }
  const loops = {
    stops: every(hourMs, { ...options, what: 'reading stop orders', lateMs: 30_000, work }),
    digests: every(hourMs, { ...options, what: 'making digests', work: () => Promise.reject(new Error('again')) }),
  }
  const registry = new Registry()
  measureLoops(loops, registry)
  const health = await startHealthServer({ host: '127.0.0.1', port: 0, registry, problems: () => lateLoops(loops) })
  onTestFinished(async () => {
    await health.stop()
    await Promise.all(Object.values(loops).map((loop) => loop.stop()))
  })
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${health.port}${path}`)
    return [response.status, await response.text()] as const
  }
  const ages = async () => {
    const [, text] = await ask('/metrics')
    const lines = text.matchAll(/^wheelhouse_loop_age_seconds\{loop="(\w+)"\} (\S+)$/gm)
    return Object.fromEntries([...lines].map(([, loop, age]) => [loop, Number(age)]))
  }
  return { clock, works, loops, begun: () => begun, ready: () => ask('/readyz'), ages }
}

const ready = [200, 'ready\n']

test.each([
  ['fails', () => Promise.reject(new Error('no database'))],
  ['hangs', (until: Promise<void>) => until],
])('a loop that %s grows older, and the worker is not ready until it is done again', async (_, broken) => {
  const { clock, works, loops, begun, ready: readiness, ages } = await startLoops()
  await expect.poll(begun).toBe(1)
  expect([await ages(), await readiness()]).toEqual([{ stops: 0, digests: 0 }, ready])
  const released = Promise.withResolvers<void>()
  works.push(() => broken(released.promise))
  loops.stops.nudge()
  await expect.poll(begun).toBe(2)
  clock.ms = 30_000
  expect([await ages(), await readiness()]).toEqual([{ stops: 30, digests: 30 }, ready])
  clock.ms = 45_500
  expect(await ages()).toEqual({ stops: 45.5, digests: 45.5 })
  // Nobody depends on digests.
  expect(await readiness()).toEqual([503, 'reading stop orders has not succeeded for 45 s\n'])
  released.resolve()
  loops.stops.nudge()
  await expect.poll(ages).toEqual({ stops: 0, digests: 45.5 })
  expect(await readiness()).toEqual(ready)
})
