import { Pool } from 'undici'
import { targetsOf, type Way } from './compare.ts'
import { openLoop, quantile } from './load.ts'
import type { World } from './world.ts'

/** Lines: the times of small calls that come at a fixed rate, by each way, in rounds that take turns. */
export async function fixedRate(
  world: World,
  options: { perSecond: number; seconds: number; rounds: number },
): Promise<string[]> {
  const targets = await targetsOf(world, { revision: '2026-07-28', work: 'small', users: 1 })
  const times: Record<Way, number[]> = { direct: [], proxy: [], broker: [] }
  for (let round = 0; round < options.rounds; round += 1) {
    for (const way of ['direct', 'proxy', 'broker'] as const) {
      const target = targets[way]
      const pool = new Pool(new URL(target.url).origin, { connections: 128, pipelining: 1 })
      const measured = await openLoop(() => ({ pool, target, headers: target.users[0]! }), options)
      await pool.close()
      if (measured.failures[0]) throw new Error(measured.failures[0])
      times[way].push(...measured.times)
    }
  }
  return (['direct', 'proxy', 'broker'] as const).map((way) => {
    const at = (share: number) => `${quantile(times[way], share).toFixed(1)} ms`
    return `${way.padEnd(6)} p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, most ${at(1)}`
  })
}
