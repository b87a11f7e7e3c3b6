import type { Circuit } from './upstream/circuit.ts'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

export type LatencyPart = 'auth' | 'decide' | 'upstream' | 'audit' | 'total'
export type CallLabels = { server: string; class: string; decision: 'allow' | 'deny'; outcome: string }

const seconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]

/** What `/metrics` tells: calls by server, class and decision, and where their time went. */
export class BrokerMetrics {
  readonly registry = new Registry()
  readonly #calls: Counter<'server' | 'class' | 'decision' | 'outcome'>
  readonly #refused: Counter<'rule'>
  readonly #latency: Histogram<'part'>
  readonly #batches: Histogram
  /** Bound once: looking up labels costs more than counting. */
  readonly #parts = new Map<LatencyPart, { observe(seconds: number): void }>()

  constructor(gauges: {
    inFlight: () => number
    viewAgeSeconds: () => number
    auditWaiting: () => number
    upstreams: () => { serverId: string; circuit: Circuit }[]
  }) {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    this.#calls = new Counter({
      name: 'wheelhouse_broker_calls_total',
      help: 'Tool calls by server, tool class, decision and outcome (for a refused call: its rule).',
      labelNames: ['server', 'class', 'decision', 'outcome'],
      registers,
    })
    this.#refused = new Counter({
      name: 'wheelhouse_broker_callers_refused_total',
      help: 'Requests refused before a tool was looked at, by rule.',
      labelNames: ['rule'],
      registers,
    })
    this.#latency = new Histogram({
      name: 'wheelhouse_broker_latency_seconds',
      help: 'Time of a tool call by part.',
      labelNames: ['part'],
      buckets: seconds,
      registers,
    })
    this.#batches = new Histogram({
      name: 'wheelhouse_broker_audit_batch_rows',
      help: 'Audit rows committed together.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    })
    gauge('wheelhouse_broker_calls_in_flight', 'Calls at an upstream now.', gauges.inFlight)
    gauge('wheelhouse_broker_view_age_seconds', 'Age of the view of the registry.', gauges.viewAgeSeconds)
    gauge('wheelhouse_broker_audit_waiting', 'Audit rows not durable yet.', gauges.auditWaiting)

    const state = new Gauge({
      name: 'wheelhouse_broker_upstream_state',
      help: 'Circuit of an upstream: 0 closed, 1 half open (a probe is under way), 2 open.',
      labelNames: ['server'],
      registers,
      collect() {
        for (const { serverId, circuit } of gauges.upstreams()) {
          state.set({ server: serverId }, ['closed', 'half_open', 'open'].indexOf(circuit.state))
        }
      },
    })
    const lastError = new Gauge({
      name: 'wheelhouse_broker_upstream_last_error_timestamp_seconds',
      help: 'When an upstream failed last, and how.',
      labelNames: ['server', 'kind'],
      registers,
      collect() {
        lastError.reset()
        for (const { serverId, circuit } of gauges.upstreams()) {
          const error = circuit.lastError
          if (error) lastError.set({ server: serverId, kind: error.kind }, error.at.getTime() / 1000)
        }
      },
    })

    function gauge(name: string, help: string, read: () => number): void {
      const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) })
    }
  }

  called(labels: CallLabels): void {
    this.#calls.inc(labels)
  }

  refused(rule: string): void {
    this.#refused.inc({ rule })
  }

  /** @param startedAt of the monotonic clock, in milliseconds */
  took(part: LatencyPart, startedAt: number): void {
    let bound = this.#parts.get(part)
    if (!bound) this.#parts.set(part, (bound = this.#latency.labels(part)))
    bound.observe((performance.now() - startedAt) / 1000)
  }

  batch(rows: number): void {
    this.#batches.observe(rows)
  }
}
