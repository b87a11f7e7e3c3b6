import { expect, test } from 'vitest'
import { BrokerMetrics, type CallLabels } from './metrics.ts'

const gauges = {
  inFlight: () => 0,
  held: () => 0,
  viewAgeSeconds: () => 0,
  viewReads: () => ({ whole: 1, changes: 60, rows: 12 }),
  auditWaiting: () => 0,
  upstreams: () => [],
}

test('dropped connections are counted', async () => {
  const metrics = new BrokerMetrics({ ...gauges, seriesMax: 3 })
  metrics.connectionDropped()
  expect(await metrics.registry.metrics()).toMatch(/^wheelhouse_broker_connections_dropped_total 1$/m)
})

test('tools beyond the setting are counted together, and how many these are is told', async () => {
  const metrics = new BrokerMetrics({ ...gauges, seriesMax: 3 })
  const call = (tool: string): CallLabels => ({
    server: 'erp',
    tool,
    agentClass: 'low',
    class: 'read',
    decision: 'allow',
    outcome: 'ok',
  })
  for (const tool of ['a', 'b', 'c', 'd', 'd', 'e', 'a']) metrics.called(call(tool))
  const text = await metrics.registry.metrics()
  const counts = [...text.matchAll(/^wheelhouse_broker_calls_total\{.*tool="(\w+)".*\} (\d+)$/gm)]
  expect(Object.fromEntries(counts.map(([, tool, count]) => [tool, Number(count)]))).toEqual({
    a: 2,
    b: 1,
    c: 1,
    other: 3,
  })
  expect(text).toMatch(/^wheelhouse_broker_metric_series_folded 2$/m)
  for (let index = 0; index < 100; index += 1) metrics.called(call(`renamed_${index}`))
  expect(await metrics.registry.metrics()).toMatch(/^wheelhouse_broker_metric_series_folded 3$/m)
})

test('a refused caller is counted under its rule, and under its server and class where these are known', async () => {
  const metrics = new BrokerMetrics({ ...gauges, seriesMax: 3 })
  metrics.refused('token_missing')
  metrics.refused('rate_limited', { server: 'erp', agentClass: 'high' })
  const text = await metrics.registry.metrics()
  expect(text).toContain('callers_refused_total{rule="token_missing",server="",agent_class=""} 1')
  expect(text).toContain('callers_refused_total{rule="rate_limited",server="erp",agent_class="high"} 1')
})
