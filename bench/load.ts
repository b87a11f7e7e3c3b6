import { Pool } from 'undici'

export type Target = { url: string; headers: Record<string, string>; body: string }
export type Measured = { callsPerSecond: number; p50Ms: number; p99Ms: number; calls: number }

/** Keeps `concurrency` calls going for a while and measures each; a call that is not answered with 200 ends the bench. */
export async function measure(target: Target, options: { concurrency: number; seconds: number }): Promise<Measured> {
  const { origin, pathname } = new URL(target.url)
  const pool = new Pool(origin, { connections: options.concurrency, pipelining: 1 })
  const times: number[] = []
  const started = performance.now()
  const until = started + options.seconds * 1000
  await Promise.all(
    Array.from({ length: options.concurrency }, async () => {
      while (performance.now() < until) {
        const at = performance.now()
        const { statusCode, body } = await pool.request({
          path: pathname,
          method: 'POST',
          headers: target.headers,
          body: target.body,
        })
        const text = await body.text()
        if (statusCode !== 200 || text.includes('"isError"') || text.includes('"error"'))
          throw new Error(`${statusCode} ${text}`)
        times.push(performance.now() - at)
      }
    }),
  )
  const elapsed = (performance.now() - started) / 1000
  await pool.close()
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
  return { callsPerSecond: times.length / elapsed, p50Ms: at(0.5), p99Ms: at(0.99), calls: times.length }
}
