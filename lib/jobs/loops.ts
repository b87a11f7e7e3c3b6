import { Gauge, type Registry } from 'prom-client'
import type { Loop } from './every.ts'

type Loops = Readonly<Record<string, Pick<Loop, 'ageMs' | 'problem'>>>

/** Lets the metrics say of each loop, by its name, since when it has not succeeded. */
export function measureLoops(loops: Loops, registry: Registry): void {
  const age = new Gauge({
    name: 'wheelhouse_loop_age_seconds',
    help: 'Since when what this worker does again and again has not succeeded.',
    labelNames: ['loop'],
    registers: [],
    collect() {
      for (const [loop, { ageMs }] of Object.entries(loops)) this.set({ loop }, ageMs() / 1000)
    },
  })
  registry.registerMetric(age)
}

/** What others depend on and is not done any more, in words. */
export function lateLoops(loops: Loops): string[] {
  return Object.values(loops).flatMap((loop) => loop.problem() ?? [])
}
