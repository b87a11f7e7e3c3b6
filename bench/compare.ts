import { cpuSeconds, residentMb } from './cpu.ts'
import { closedLoop, type Measured, quantile } from './load.ts'
import { type Revision, type Target, target, type Work } from './targets.ts'
import type { World } from './world.ts'

export type Way = 'direct' | 'proxy' | 'broker'
/** `other`: through the broker of another checkout. */
type AnyWay = Way | 'other'
type Round = Measured & { brokerCpu: number; postgresCpu: number }

const columns = [
  'revision   work   users',
  'direct/s',
  ' proxy/s',
  'broker/s',
  'proxy ratio',
  'ratio',
  'added p50',
  'added p99',
  'broker cpu',
  'postgres cpu',
  '    rss',
]

export const heading = columns.join(' | ')

/** A line: the same work straight to the upstream, through a bare proxy and through the broker, in rounds that take turns. With another broker its line as well. */
export async function compare(
  world: World,
  what: { revision: Revision; work: Work; users: number; warmUp: number; seconds: number; rounds: number },
): Promise<string[]> {
  const { revision, work, users, warmUp, seconds, rounds } = what
  const targets = await targetsOf(world, { revision, work, users })
  const ways = Object.keys(targets) as AnyWay[]
  for (const way of ways) await closedLoop(targets[way]!, { users, seconds: warmUp })
  const taken: Record<AnyWay, Round[]> = { direct: [], proxy: [], broker: [], other: [] }
  for (let round = 0; round < rounds; round += 1) {
    // Another one begins each time, so that none always follows the same.
    for (const way of [...ways.slice(round % ways.length), ...ways.slice(0, round % ways.length)]) {
      taken[way].push(await measured(world, { way, target: targets[way]! }, { users, seconds }))
    }
  }
  const name = `${revision} ${work.padEnd(6)} ${String(users).padStart(5)}`
  const line = lineOf({ name, taken, way: 'broker', pid: world.pids.broker })
  if (!world.other) return [line]
  return [line, lineOf({ name: '… the other broker', taken, way: 'other', pid: world.other.pid })]
}

function lineOf({
  name,
  taken,
  way: through,
  pid,
}: {
  name: string
  taken: Record<AnyWay, Round[]>
  way: 'broker' | 'other'
  pid: number
}): string {
  const rate = (way: AnyWay) => median(taken[way].map((round) => round.calls / round.seconds))
  const ratio = (way: AnyWay) =>
    median(taken[way].map((round, at) => round.calls / round.seconds / rateOf(taken.direct[at]!)))
  const time = (way: AnyWay, share: number) =>
    quantile(
      taken[way].flatMap((round) => round.times),
      share,
    )
  const sum = (key: 'brokerCpu' | 'postgresCpu' | 'calls') =>
    taken[through].reduce((total, round) => total + round[key], 0)
  const cells = [
    name,
    rate('direct').toFixed(0),
    rate('proxy').toFixed(0),
    rate(through).toFixed(0),
    ratio('proxy').toFixed(2),
    ratio(through).toFixed(2),
    `${(time(through, 0.5) - time('direct', 0.5)).toFixed(2)} ms`,
    `${(time(through, 0.99) - time('direct', 0.99)).toFixed(1)} ms`,
    `${((sum('brokerCpu') * 1e6) / sum('calls')).toFixed(0)} µs`,
    `${((sum('postgresCpu') * 1e6) / sum('calls')).toFixed(0)} µs`,
    `${residentMb(pid).toFixed(0)} MiB`,
  ]
  return cells.map((cell, at) => cell.padStart(columns[at]!.length)).join(' | ')
}

/** The same work by each way. */
export async function targetsOf(
  world: World,
  { revision, work, users }: { revision: Revision; work: Work; users: number },
): Promise<Record<Way, Target> & { other?: Target }> {
  const path = revision === '2026-07-28' ? '/mcp' : '/sessions'
  const server = revision === '2026-07-28' ? 'bench' : 'bench-sessions'
  const { other } = world
  const of = (url: string, headers = {}) => target({ url, revision, work, users, headers })
  return {
    direct: await of(world.upstreamUrl + path),
    proxy: await of(world.proxyUrl + path),
    broker: await of(`${world.brokerUrl}/mcp/${server}`, { authorization: `Bearer ${await world.token()}` }),
    ...(other
      ? { other: await of(`${other.url}/mcp/${server}`, { authorization: `Bearer ${await other.token()}` }) }
      : {}),
  }
}

async function measured(
  { pids, other }: World,
  { way, target: what }: { way: AnyWay; target: Target },
  options: { users: number; seconds: number },
): Promise<Round> {
  const pid = way === 'other' && other ? other.pid : pids.broker
  const before = { broker: cpuSeconds(pid), postgres: cpuSeconds(pids.postgres, { children: true }) }
  const round = await closedLoop(what, options)
  return {
    ...round,
    brokerCpu: cpuSeconds(pid) - before.broker,
    postgresCpu: cpuSeconds(pids.postgres, { children: true }) - before.postgres,
  }
}

const rateOf = (round: Round) => round.calls / round.seconds

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
