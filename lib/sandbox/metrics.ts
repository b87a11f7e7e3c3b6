import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { KillReport } from './driver.ts'

export type SandboxMetrics = ReturnType<typeof createMetrics>

/** What the service measures. Labels are from closed sets: no agent, session or path ever becomes one. */
export function createMetrics(gauges: { sessions: () => number; viewAgeSeconds: () => number }) {
  const registry = new Registry()
  const registers = [registry]
  const starts = new Histogram({
    name: 'wheelhouse_sandbox_start_seconds',
    help: 'Time from asking for a sandbox until programs can be started in it.',
    buckets: [0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers,
  })
  const kills = new Histogram({
    name: 'wheelhouse_sandbox_end_seconds',
    help: 'Time until nothing of a sandbox was left, by why it was ended.',
    labelNames: ['reason'] as const,
    buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5],
    registers,
  })
  const survivors = new Counter({
    name: 'wheelhouse_sandbox_survivors_total',
    help: 'Processes that were still there after their sandbox was ended.',
    registers,
  })
  const refusals = new Counter({
    name: 'wheelhouse_sandbox_refusals_total',
    help: 'Sessions that were refused a sandbox, by the kind of rule.',
    labelNames: ['rule'] as const,
    registers,
  })
  const calls = new Histogram({
    name: 'wheelhouse_sandbox_tool_call_seconds',
    help: 'Tool calls, by tool and outcome.',
    labelNames: ['tool', 'outcome'] as const,
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600],
    registers,
  })
  const work = new Counter({
    name: 'wheelhouse_sandbox_work_items_total',
    help: 'Work items taken from the queue, by how they ended.',
    labelNames: ['outcome'] as const,
    registers,
  })
  gauge('wheelhouse_sandbox_sessions', 'Sessions being served.', gauges.sessions)
  gauge('wheelhouse_sandbox_view_age_seconds', 'Age of the stop orders this process goes by.', gauges.viewAgeSeconds)

  function gauge(name: string, help: string, read: () => number): void {
    const value: Gauge = new Gauge({ name, help, registers, collect: () => value.set(read()) })
  }

  return {
    registry,
    started: (ms: number) => starts.observe(ms / 1000),
    ended(reason: string, report: KillReport) {
      kills.observe({ reason }, report.ms / 1000)
      survivors.inc(report.survivors.length)
    },
    /** Rules that name a target are counted by their kind. */
    refused: (rule: string) => refusals.inc({ rule: rule.split(':').slice(0, 2).join(':') }),
    called: (tool: string, call: { isError: boolean; ms: number }) =>
      calls.observe({ tool, outcome: call.isError ? 'error' : 'ok' }, call.ms / 1000),
    worked: (outcome: 'done' | 'failed') => work.inc({ outcome }),
  }
}
