// npm run bench:broker [seconds]: what a call costs through the broker, against the same call straight to its upstream, in one run.
//
// Method. Upstream, broker, PostgreSQL (fsync on) and this load generator are processes of their own on one machine. The upstream is an
// ordinary server made with the MCP SDK. Calls are 2026-07-28 tools/call over kept-alive connections, `concurrency` at a time. Direct and
// broker take turns, three rounds each after a warm-up, and the median round counts. CPU is the process's own, from /proc.
// Everything is on in the broker: token, live registry, Cedar, audit row durable before the answer, metrics.
import { cpuSeconds, residentMb } from './cpu.ts'
import { type Measured, measure, type Target } from './load.ts'
import { startWorld, type World } from './world.ts'

const seconds = Number(process.argv[2] ?? 4)
const rounds = 3

type Row = Measured & { brokerMicros: number; postgresMicros: number }

const world = await startWorld()
try {
  process.stdout.write(
    `${['case', 'concurrency', 'direct/s', 'broker/s', 'ratio', 'added p50', 'broker p99', 'broker cpu', 'postgres cpu'].join(' | ')}\n`,
  )
  for (const tool of ['small', 'large']) {
    for (const concurrency of [1, 16, 64]) await compare(tool, concurrency)
  }
  process.stdout.write(`broker memory ${residentMb(world.pids.broker).toFixed(0)} MiB\n`)
} finally {
  await world.stop()
}

async function compare(tool: string, concurrency: number): Promise<void> {
  const direct = target(world.upstreamUrl, tool, {})
  const brokered = target(`${world.brokerUrl}/mcp/bench`, tool, { authorization: `Bearer ${world.token}` })
  await measure(direct, { concurrency, seconds: 1 })
  await measure(brokered, { concurrency, seconds: 1 })
  const taken: { direct: Row[]; brokered: Row[] } = { direct: [], brokered: [] }
  for (let round = 0; round < rounds; round += 1) {
    taken.direct.push(await measureWithCpu(world, direct, concurrency))
    taken.brokered.push(await measureWithCpu(world, brokered, concurrency))
  }
  const plain = median(taken.direct)
  const through = median(taken.brokered)
  const cells = [
    tool,
    concurrency,
    plain.callsPerSecond.toFixed(0),
    through.callsPerSecond.toFixed(0),
    (through.callsPerSecond / plain.callsPerSecond).toFixed(2),
    `${(through.p50Ms - plain.p50Ms).toFixed(2)} ms`,
    `${through.p99Ms.toFixed(1)} ms`,
    `${through.brokerMicros.toFixed(0)} µs`,
    `${through.postgresMicros.toFixed(0)} µs`,
  ]
  process.stdout.write(`${cells.join(' | ')}\n`)
}

async function measureWithCpu({ pids }: World, what: Target, concurrency: number): Promise<Row> {
  const before = { broker: cpuSeconds(pids.broker), postgres: cpuSeconds(pids.postgres, { children: true }) }
  const measured = await measure(what, { concurrency, seconds })
  const used = (now: number, then: number) => ((now - then) * 1e6) / measured.calls
  return {
    ...measured,
    brokerMicros: used(cpuSeconds(pids.broker), before.broker),
    postgresMicros: used(cpuSeconds(pids.postgres, { children: true }), before.postgres),
  }
}

function median(rows: Row[]): Row {
  return rows.toSorted((a, b) => a.callsPerSecond - b.callsPerSecond)[Math.floor(rows.length / 2)]!
}

function target(url: string, tool: string, headers: Record<string, string>): Target {
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { name: tool, arguments: { word: 'hello' }, _meta: envelope }
  return {
    url,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': tool,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  }
}
