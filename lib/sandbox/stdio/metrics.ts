import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { KillReport } from '../driver.ts'
import type { ProcessState } from './hosted-process.ts'

/** What is measured of servers over stdio. No server, team or agent becomes a label. */
export function createStdioMetrics(registry: Registry, states: () => readonly ProcessState[]) {
  const registers = [registry]
  const starts = new Histogram({
    name: 'wheelhouse_sandbox_stdio_start_seconds',
    help: 'Time from starting the process of a server over stdio until it can be used.',
    buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
    registers,
  })
  const ends = new Counter({
    name: 'wheelhouse_sandbox_stdio_ends_total',
    help: 'Processes of servers over stdio that ended, by why: failed, idle or ended.',
    labelNames: ['reason'] as const,
    registers,
  })
  const requests = new Counter({
    name: 'wheelhouse_sandbox_stdio_requests_total',
    help: 'Requests to servers over stdio, by outcome.',
    labelNames: ['outcome'] as const,
    registers,
  })
  const processes: Gauge<'state'> = new Gauge({
    name: 'wheelhouse_sandbox_stdio_processes',
    help: 'Processes of servers over stdio, by state.',
    labelNames: ['state'] as const,
    registers,
    collect() {
      processes.reset()
      for (const state of states()) processes.inc({ state })
    },
  })
  return {
    started: (ms: number) => starts.observe(ms / 1000),
    ended: (reason: string, _report: KillReport) => ends.inc({ reason }),
    answered: (outcome: 'answered' | 'failed' | 'cancelled') => requests.inc({ outcome }),
  }
}
