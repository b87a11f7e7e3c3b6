import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { Latencies, type Latency } from './telemetry/latencies.ts'
import type { Circuit } from './upstream/circuit.ts'

export type LatencyPart = 'auth' | 'decide' | 'hold' | 'upstream' | 'audit' | 'total'
/** What was called, and by an agent of which class (its tier). Only what the registry knows has a name here; the rest is `''`. */
export type TargetLabels = { server: string; tool: string; agentClass: string }
export type CallLabels = TargetLabels & { class: string; decision: 'allow' | 'deny'; outcome: string }

type CountedLabels = Record<'server' | 'tool' | 'class' | 'agent_class' | 'decision' | 'outcome', string>
type Series = {
  labels: TargetLabels
  parts: Partial<Record<LatencyPart, Latency>>
  /** By class, decision and outcome. */
  calls: Map<string, { labels: CountedLabels; count: number }>
}

const unknown = { server: '', agentClass: '' }
const seconds = [0.00025, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60]
/** What `/metrics` tells: calls by server, tool, classes and decision, and where their time went. */
export class BrokerMetrics {
  readonly registry = new Registry()
  readonly #refused: Counter<'rule' | 'server' | 'agent_class'>
  readonly #dropped: Counter
  readonly #latency: Latencies
  readonly #batches: Histogram
  readonly #decisions: Histogram<'end' | 'server' | 'agent_class'>
  /** Counted here and given to the registry when it is read: looking up labels costs more than counting. */
  readonly #series = new Map<string, Series>()

  readonly #seriesMax: number
  /** Those that are counted together, as far as they are known by name: as many again. */
  readonly #folded = new Set<string>()

  constructor(gauges: {
    /** Tools by server and class of agents that are told apart; later ones are counted together, so that renamed tools cannot fill the memory. */
    seriesMax: number
    inFlight: () => number
    held: () => number
    viewAgeSeconds: () => number
    viewReads: () => { whole: number; changes: number; rows: number }
    auditWaiting: () => number
    upstreams: () => { serverId: string; circuit: Circuit }[]
  }) {
    this.#seriesMax = gauges.seriesMax
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    const calls = new Counter({
      name: 'wheelhouse_broker_calls_total',
      help: 'Tool calls by server, tool, its class, class of the agent, decision and outcome (for a refused call: its rule).',
      labelNames: ['server', 'tool', 'class', 'agent_class', 'decision', 'outcome'],
      registers,
      collect: () => {
        calls.reset()
        for (const series of this.#series.values())
          for (const { labels, count } of series.calls.values()) calls.inc(labels, count)
      },
    })
    this.#refused = new Counter({
      name: 'wheelhouse_broker_callers_refused_total',
      help: 'Requests refused before a tool was looked at, by rule, and by server and class of the agent where these are known.',
      labelNames: ['rule', 'server', 'agent_class'],
      registers,
    })
    this.#dropped = new Counter({
      name: 'wheelhouse_broker_connections_dropped_total',
      help: 'Connections dropped because as many were open as may be.',
      registers,
    })
    this.#latency = new Latencies({
      name: 'wheelhouse_broker_latency_seconds',
      help: 'Time of a request by part, from its arrival to its answer.',
      bounds: seconds,
    })
    this.registry.registerMetric(this.#latency.metric)
    this.#batches = new Histogram({
      name: 'wheelhouse_broker_audit_batch_rows',
      help: 'Audit rows committed together.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    })
    this.#decisions = new Histogram({
      name: 'wheelhouse_broker_hold_seconds',
      help: 'How long held calls waited for a person, by how that ended (release, gone, or the rule that refused), server and class of the agent.',
      labelNames: ['end', 'server', 'agent_class'],
      buckets: [1, 5, 15, 60, 300, 900, 3600, 14_400],
      registers,
    })
    gauge('wheelhouse_broker_calls_in_flight', 'Calls at an upstream now.', gauges.inFlight)
    gauge('wheelhouse_broker_held_calls_waiting', 'Calls that wait here for a person now.', gauges.held)
    gauge(
      'wheelhouse_broker_metric_series_folded',
      'Tools by server and class of agents that are counted as tool "other", at most as many as are told apart.',
      () => this.#folded.size,
    )
    gauge('wheelhouse_broker_view_age_seconds', 'Age of the view of the registry.', gauges.viewAgeSeconds)
    const reads = new Counter({
      name: 'wheelhouse_broker_view_reads_total',
      help: 'Times the registry was read: as a whole, or what changed.',
      labelNames: ['extent'],
      registers,
      collect: () => {
        reads.reset()
        const { whole, changes } = gauges.viewReads()
        reads.inc({ extent: 'whole' }, whole)
        reads.inc({ extent: 'changes' }, changes)
      },
    })
    const rowsRead = new Counter({
      name: 'wheelhouse_broker_view_rows_read_total',
      help: 'Rows of the registry that were read.',
      registers,
      collect: () => {
        rowsRead.reset()
        rowsRead.inc(gauges.viewReads().rows)
      },
    })
    gauge('wheelhouse_broker_audit_waiting', 'Audit rows not durable yet.', gauges.auditWaiting)

    const state = new Gauge({
      name: 'wheelhouse_broker_upstream_state',
      help: 'Circuit of an upstream: 0 closed, 1 half open (a probe is under way), 2 open.',
      labelNames: ['server'],
      registers,
      collect() {
        state.reset()
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

  called({ class: toolClass, decision, outcome, ...target }: CallLabels): void {
    const { labels, calls } = this.#seriesOf(target)
    const key = `${toolClass} ${decision} ${outcome}`
    const counted = calls.get(key)
    if (counted) return void (counted.count += 1)
    const { server, tool, agentClass } = labels
    calls.set(key, {
      labels: { server, tool, class: toolClass, agent_class: agentClass, decision, outcome },
      count: 1,
    })
  }

  /** Only what the registry knows has a name here; the rest is `''`. */
  refused(rule: string, { server, agentClass }: Omit<TargetLabels, 'tool'> = unknown): void {
    this.#refused.inc({ rule, server, agent_class: agentClass })
  }

  connectionDropped(): void {
    this.#dropped.inc()
  }

  took(target: TargetLabels, milliseconds: Partial<Record<LatencyPart, number>>): void {
    const { labels, parts } = this.#seriesOf(target)
    const { server, tool, agentClass } = labels
    for (const part of Object.keys(milliseconds) as LatencyPart[]) {
      parts[part] ??= this.#latency.series({ part, server, tool, agent_class: agentClass })
      parts[part].observe(milliseconds[part]! / 1000)
    }
  }

  #seriesOf({ server, tool, agentClass }: TargetLabels): Series {
    const key = `${server} ${tool} ${agentClass}`
    const known = this.#series.get(key)
    if (known) return known
    if (this.#series.size >= this.#seriesMax && tool !== 'other') {
      if (this.#folded.size < this.#seriesMax) this.#folded.add(key)
      return this.#seriesOf({ server, tool: 'other', agentClass })
    }
    const series: Series = { labels: { server, tool, agentClass }, parts: {}, calls: new Map() }
    this.#series.set(key, series)
    return series
  }

  /** @param startedAt of the monotonic clock, in milliseconds */
  held(end: string, { server, agentClass }: Omit<TargetLabels, 'tool'>, startedAt: number): void {
    this.#decisions.observe({ end, server, agent_class: agentClass }, (performance.now() - startedAt) / 1000)
  }

  batch(rows: number): void {
    this.#batches.observe(rows)
  }
}
