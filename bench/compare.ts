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

/** What a case is held to; of the other figures nothing is asked. */
const bars = {
  ratio: { 16: 0.55, 64: 0.6 } as Partial<Record<number, number>>,
  brokerCpu: 400,
  postgresCpu: 120,
  addedMs: 2,
}

type Figures = { ratio: number; addedMs: number; brokerCpu: number; postgresCpu: number }

/** What of a case does not reach its bar, in words. */
function missedBars(name: string, users: number, { ratio, addedMs, brokerCpu, postgresCpu }: Figures): string[] {
  const least = bars.ratio[users]
  return [
    ...(least !== undefined && ratio < least ? [`${name}: ratio ${ratio.toFixed(2)}, not ${least}`] : []),
    ...(users === 1 && addedMs > bars.addedMs
      ? [`${name}: added p50 ${addedMs.toFixed(2)} ms, not ${bars.addedMs}`]
      : []),
    ...(users > 1 && brokerCpu > bars.brokerCpu
      ? [`${name}: broker cpu ${brokerCpu.toFixed(0)} µs, not ${bars.brokerCpu}`]
      : []),
    ...(users > 1 && postgresCpu > bars.postgresCpu
      ? [`${name}: postgres cpu ${postgresCpu.toFixed(0)} µs, not ${bars.postgresCpu}`]
      : []),
  ]
}

/** A line: the same work straight to the upstream, through a bare proxy and through the broker, in rounds that take turns. With another broker its line as well. */
export async function compare(
  world: World,
  what: { revision: Revision; work: Work; users: number; warmUp: number; seconds: number; rounds: number },
): Promise<{ lines: string[]; missed: string[] }> {
  const { revision, work, users, warmUp, seconds, rounds } = what
  const targets = await targetsOf(world, { revision, work, users })
  const ways = Object.keys(targets) as AnyWay[]
  // In turns, too: what a broker does once a minute, such as looking after its servers, then happens before the first round and not in it.
  for (let left = warmUp; left > 0; left -= seconds) {
    for (const way of ways) await closedLoop(targets[way]!, { users, seconds: Math.min(left, seconds) })
  }
  const taken: Record<AnyWay, Round[]> = { direct: [], proxy: [], broker: [], other: [] }
  for (let round = 0; round < rounds; round += 1) {
    // Another one begins each time, so that none always follows the same.
    for (const way of [...ways.slice(round % ways.length), ...ways.slice(0, round % ways.length)]) {
      taken[way].push(await measured(world, { way, target: targets[way]! }, { users, seconds }))
    }
  }
  const name = `${revision} ${work.padEnd(6)} ${String(users).padStart(5)}`
  const figures = figuresOf(taken, 'broker')
  const line = lineOf({ name, taken, way: 'broker', pid: world.pids.broker })
  const missed = missedBars(name.replaceAll(/ +/g, ' '), users, figures)
  if (!world.other) return { lines: [line], missed }
  return { lines: [line, lineOf({ name: '… the other broker', taken, way: 'other', pid: world.other.pid })], missed }
}

const rateIn = (taken: Record<AnyWay, Round[]>, way: AnyWay): number =>
  median(taken[way].map((round) => round.calls / round.seconds))
const ratioIn = (taken: Record<AnyWay, Round[]>, way: AnyWay): number =>
  median(taken[way].map((round, at) => round.calls / round.seconds / rateOf(taken.direct[at]!)))

function figuresOf(taken: Record<AnyWay, Round[]>, way: 'broker' | 'other'): Figures {
  const sum = (key: 'brokerCpu' | 'postgresCpu' | 'calls') => taken[way].reduce((total, round) => total + round[key], 0)
  return {
    ratio: ratioIn(taken, way),
    addedMs: timeIn(taken, way, 0.5) - timeIn(taken, 'direct', 0.5),
    brokerCpu: (sum('brokerCpu') * 1e6) / sum('calls'),
    postgresCpu: (sum('postgresCpu') * 1e6) / sum('calls'),
  }
}

function timeIn(taken: Record<AnyWay, Round[]>, way: AnyWay, share: number): number {
  return quantile(
    taken[way].flatMap((round) => round.times),
    share,
  )
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
  const { ratio, addedMs, brokerCpu, postgresCpu } = figuresOf(taken, through)
  const cells = [
    name,
    rateIn(taken, 'direct').toFixed(0),
    rateIn(taken, 'proxy').toFixed(0),
    rateIn(taken, through).toFixed(0),
    ratioIn(taken, 'proxy').toFixed(2),
    ratio.toFixed(2),
    `${addedMs.toFixed(2)} ms`,
    `${(timeIn(taken, through, 0.99) - timeIn(taken, 'direct', 0.99)).toFixed(1)} ms`,
    `${brokerCpu.toFixed(0)} µs`,
    `${postgresCpu.toFixed(0)} µs`,
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
