import { Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Latencies } from './latencies.ts'

const bounds = [0.001, 0.01, 1]
const about = { name: 'seconds', help: 'How long.' }

test('is read as a histogram of prom-client’s with the same observations', async () => {
  const ours = new Registry()
  const latencies = new Latencies({ ...about, bounds })
  ours.registerMetric(latencies.metric)
  const theirs = new Registry()
  const histogram = new Histogram({ ...about, buckets: bounds, labelNames: ['part', 'tool'], registers: [theirs] })
  for (const tool of ['a "quoted" tool', 'pay\n']) {
    const series = latencies.series({ part: 'audit', tool })
    for (const seconds of [0, 0.001, 0.0011, 0.5, 1, 1.5, 60]) {
      series.observe(seconds)
      histogram.observe({ part: 'audit', tool }, seconds)
    }
  }
  const text = await ours.metrics()
  expect(text).toContain('seconds_bucket{le="0.01",part="audit",tool="a \\"quoted\\" tool"} 3')
  expect(lines(text)).toEqual(lines(await theirs.metrics()))
  expect((await ours.getMetricsAsJSON()).map(({ name }) => name)).toEqual(['seconds'])
})

function lines(text: string): string[] {
  return text.split('\n').toSorted()
}
