import { Pool } from 'undici'
import { cpuSeconds, residentMb } from './cpu.ts'
import { openLoop, quantile } from './load.ts'
import { openSession, type Revision, sessionHeaders, type Target, target, type Work } from './targets.ts'
import type { BenchAgent, World } from './world.ts'

const windowSeconds = 15
/** Tokens live 15 minutes at most. */
const tokenSeconds = 8 * 60

type Point = { minute: number; rss: number; p99: number }

const bars = [
  { key: 'rss', factor: 1.25, unit: 'MiB' },
  { key: 'p99', factor: 2, unit: 'ms' },
] as const

type Kind = { work: Work; revision: Revision; server: string; share: number }

const mix: readonly Kind[] = [
  { work: 'small', revision: '2026-07-28', server: 'bench', share: 40 },
  { work: 'small', revision: '2025-11-25', server: 'bench-sessions', share: 20 },
  { work: 'large', revision: '2026-07-28', server: 'bench', share: 15 },
  { work: 'change', revision: '2026-07-28', server: 'bench', share: 15 },
  { work: 'list', revision: '2026-07-28', server: 'bench', share: 10 },
]

/** Many agents of all tiers at a steady rate; tells memory and times window by window and how they moved. */
export async function soak(
  world: World,
  options: { minutes: number; agents: number; perSecond: number; print: (line: string) => void },
): Promise<void> {
  const { minutes, perSecond, print } = options
  const agents = await world.agents(options.agents)
  const kinds = await Promise.all(mix.flatMap((kind) => Array.from({ length: kind.share }, () => kindOf(world, kind))))
  const sessions = await openSessions(world, agents)
  const pool = new Pool(world.brokerUrl, { connections: 256, pipelining: 1 })
  const failed: string[] = []
  const points: Point[] = []
  let sent = 0
  const next = () => {
    const agent = agents[sent % agents.length]!
    // Every agent gets at every kind sooner or later: the numbers of agents and kinds have no order in common.
    const kind = kinds[(sent * 37 + Math.floor(sent / agents.length)) % kinds.length]!
    sent += 1
    const session: Record<string, string> =
      kind.revision === '2025-11-25' ? { 'mcp-session-id': sessions.get(agent)! } : {}
    return {
      pool,
      target: kind.target,
      headers: { ...kind.target.users[0]!, ...session, authorization: `Bearer ${agent.token}` },
    }
  }
  const renewing = renewTokens(world, agents, print)
  try {
    print(`${'minute'.padStart(7)} | broker rss | p50 | p99 | broker cpu | postgres cpu`)
    for (let at = 0; at < (minutes * 60) / windowSeconds; at += 1) {
      const before = {
        broker: cpuSeconds(world.pids.broker),
        postgres: cpuSeconds(world.pids.postgres, { children: true }),
      }
      const { times, calls, failures } = await openLoop(next, { perSecond, seconds: windowSeconds })
      const point = {
        minute: ((at + 1) * windowSeconds) / 60,
        rss: residentMb(world.pids.broker),
        p99: quantile(times, 0.99),
      }
      points.push(point)
      failed.push(...failures)
      const micros = (now: number, then: number) => `${(((now - then) * 1e6) / calls).toFixed(0)} µs`
      print(
        [
          point.minute.toFixed(2).padStart(7),
          `${point.rss.toFixed(0)} MiB`,
          `${quantile(times, 0.5).toFixed(1)} ms`,
          `${point.p99.toFixed(1)} ms`,
          micros(cpuSeconds(world.pids.broker), before.broker),
          micros(cpuSeconds(world.pids.postgres, { children: true }), before.postgres),
        ].join(' | '),
      )
    }
  } finally {
    renewing.stop()
    await pool.close()
  }
  // The first fifth is warming up: code is compiled, pools fill, and caches with them.
  const settled = points.slice(Math.floor(points.length / 5))
  print(
    `${sent} calls of ${agents.length} agents, ${failed.length} failed${failed[0] ? `, the first: ${failed[0]}` : ''}`,
  )
  if (failed.length > 0) process.exitCode = 1
  print(`rss: ${slope(settled, 'rss').toFixed(1)} MiB an hour after the first fifth, by least squares`)
  print(`p99: ${slope(settled, 'p99').toFixed(1)} ms an hour`)
  const grown = grownBeyond(points)
  for (const what of grown) print(`below its bar: ${what}`)
  if (grown.length > 0) process.exitCode = 1
}

/** What grew from the second fifth to the last, in words: collections and the machine move memory by a tenth and a p99 by half, whatever a broker does. */
function grownBeyond(points: readonly Point[]): string[] {
  const fifth = Math.floor(points.length / 5)
  if (fifth === 0) return []
  const grown: string[] = []
  for (const { key, factor, unit } of bars) {
    const [then, now] = [points.slice(fifth, 2 * fifth), points.slice(-fifth)].map((part) =>
      quantile(
        part.map((point) => point[key]),
        0.5,
      ),
    ) as [number, number]
    if (now > then * factor)
      grown.push(`${key} went from ${then.toFixed(0)} to ${now.toFixed(0)} ${unit}, more than ${factor} times`)
  }
  return grown
}

async function kindOf(world: World, { server, revision, work }: Kind): Promise<{ revision: Revision; target: Target }> {
  const headers = { authorization: `Bearer ${await world.token()}` }
  return {
    revision,
    target: await target({ url: `${world.brokerUrl}/mcp/${server}`, revision, work, users: 1, headers }),
  }
}

/** A session belongs to the agent that opened it, so each opens its own. */
async function openSessions(world: World, agents: readonly BenchAgent[]): Promise<Map<BenchAgent, string>> {
  const { server } = mix.find(({ revision }) => revision === '2025-11-25')!
  const url = `${world.brokerUrl}/mcp/${server}`
  const sessions = new Map<BenchAgent, string>()
  for (const agent of agents) {
    const headers = sessionHeaders({ authorization: `Bearer ${agent.token}` })
    sessions.set(agent, await openSession(url, headers))
  }
  return sessions
}

/** One after the other, so that each is renewed in time. */
function renewTokens(world: World, agents: BenchAgent[], print: (line: string) => void): { stop(): void } {
  let at = 0
  const timer = setInterval(
    () => {
      const agent = agents[at % agents.length]!
      at += 1
      void world.renew(agent).catch((error: unknown) => print(`a token could not be renewed: ${String(error)}`))
    },
    (tokenSeconds * 1000) / agents.length,
  )
  return { stop: () => clearInterval(timer) }
}

/** By how much the value grows in an hour, by least squares. */
function slope(points: readonly Point[], key: 'rss' | 'p99'): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map((point) => point.minute))
  const y = mean(points.map((point) => point[key]))
  const rise = points.reduce((sum, point) => sum + (point.minute - x) * (point[key] - y), 0)
  const run = points.reduce((sum, point) => sum + (point.minute - x) ** 2, 0)
  return run === 0 ? 0 : (rise / run) * 60
}
