import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, request as sendRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

/** What the official suite says, a line for each check in its order; times and addresses are left out. */
export type Report = { exitCode: number; checks: string[] }

const checksFile = z.array(
  z.looseObject({ id: z.string(), name: z.string(), status: z.string(), errorMessage: z.string().optional() }),
)
const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
const runMs = 120_000

/** Runs what a revision requires of a server, and what it only reports, with the official suite. */
export async function runConformance(url: string, revision: '2025-11-25' | '2026-07-28'): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-conformance-'))
  try {
    const exitCode = await run(['server', '--url', url, '--requirements', revision, '-o', folder])
    const checks: string[] = []
    for (const entry of await readdir(folder)) {
      const scenario = /^server-(.+)-\d{4}-\d{2}-\d{2}T/.exec(entry)?.[1] ?? entry
      const text = await readFile(join(folder, entry, 'checks.json'), 'utf8')
      for (const { id, name, status, errorMessage } of checksFile.parse(JSON.parse(text))) {
        checks.push(`${scenario} / ${id} (${name}): ${status} ${errorMessage ?? ''}`)
      }
    }
    return { exitCode, checks }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function run(args: string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore', timeout: runMs })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? -1
}

/** Adds an agent's token to whatever it passes on to a server of a broker, since the suite sends none; its own address stands for the broker's. */
export async function startRelay(
  brokerUrl: string,
  { serverId, token }: { serverId: string; token: () => string },
): Promise<{ url: string; stop(): Promise<void> }> {
  const target = new URL(`${brokerUrl}/mcp/${serverId}`)
  const http = createServer((request, response) => {
    const { origin, ...headers } = request.headers
    const own = `http://127.0.0.1:${port}`
    const passed = sendRequest(
      target,
      {
        method: request.method,
        headers: {
          ...headers,
          authorization: `Bearer ${token()}`,
          ...(origin ? { origin: origin === own ? new URL(brokerUrl).origin : origin } : {}),
        },
      },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers)
        response.flushHeaders()
        answer.pipe(response)
      },
    )
    passed.on('error', () => response.destroy())
    response.on('close', () => passed.destroy())
    request.pipe(passed)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async stop() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}
