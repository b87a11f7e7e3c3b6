import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { cutText } from '#lib/core/storable.ts'
import { probeOwner, sealTicket, stdioPath } from '#lib/core/stdio-ticket.ts'
import { commandFindings } from '../rules/server-command.ts'
import type { ProbeReport } from '../schema/probes.ts'
import type { ListedTool } from '../schema/tools.ts'
import type { ServerCommand } from '../schema/transport.ts'
import { listingProblem } from './probe-failure.ts'
import { add, addTools, listTools, protocolOf } from './probed-tools.ts'

/** Where the sandbox service is, and the key that opens it; null: this installation runs no programs. */
export type ProgramAccess = { url: string; key: string } | null

const requestMs = 15_000
/** For everything together: shorter than the page waits for a report. */
const wholeMs = 25_000
/** One that ends over a question of the newer revision is asked as an older one the next time. */
const triesMax = 3

/**
 * Starts a program once in the sandbox and asks it what it is and offers; `probeId` names what is started, which the sandbox service reads
 * from the registry itself. `tools` are those it lists, null where it cannot be asked for them. Never rejects for what it finds.
 */
export async function probeProgram(options: {
  probeId: string
  command: ServerCommand
  environment: Record<string, string>
  access: ProgramAccess
}): Promise<{ report: ProbeReport; tools: ListedTool[] | null }> {
  const { probeId, command, environment, access } = options
  let tools: ListedTool[] | null = null
  const report: ProbeReport = {
    host: '',
    addresses: [],
    tls: 'none',
    reachable: false,
    challenge: null,
    protocol: null,
    tools: [],
    findings: [],
    stderr: [],
  }
  if (access) {
    const ticket = sealTicket(access.key, { serverId: probeId, owner: probeOwner, environment })
    const place = { url: access.url + stdioPath(probeId, probeOwner.key), ticket, over: AbortSignal.timeout(wholeMs) }
    for (let tries = 1; tries <= triesMax && !report.reachable && !place.over.aborted; tries += 1)
      tools = await ask(report, place)
  } else add(report, { kind: 'does_not_start', note: 'no sandbox service runs programs here' })
  if (!report.reachable) report.findings.push(...commandFindings(command))
  else report.findings = report.findings.filter(({ kind }) => kind !== 'does_not_start')
  return { report, tools }
}

type Place = { url: string; ticket: string; over: AbortSignal }

async function ask(report: ProbeReport, { url, ticket, over }: Place): Promise<ListedTool[] | null> {
  const headers = { authorization: `Bearer ${ticket}` }
  const client = new Client({ name: 'wheelhouse-probe', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  const limits = { timeout: requestMs, signal: over }
  try {
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
    await client.connect(transport, limits)
    report.protocol = protocolOf(client)
    const tools = addTools(report, await listTools(client, transport, limits))
    report.reachable = true
    return tools
  } catch (error) {
    const { reason, stderr } = await lastWords(url, headers)
    report.findings = report.findings.filter(({ kind }) => kind !== 'does_not_start')
    if (report.protocol && reason === null) {
      // It runs, and goes on running.
      report.reachable = true
      add(report, { kind: 'tools_not_listed', note: listingProblem(error) })
      return null
    }
    add(report, {
      kind: 'does_not_start',
      note: cutText(reason ?? (error instanceof Error ? error.name : 'no reason'), 300),
    })
    if (stderr.length > 0) report.stderr = stderr
    return null
  } finally {
    await client.close().catch(() => {})
  }
}

type Said = { error?: { message?: unknown; data?: { stderr?: unknown } } }

/** Why it does not run, in the words of the sandbox service, and the last of its standard error. */
async function lastWords(
  url: string,
  headers: Record<string, string>,
): Promise<{ reason: string | null; stderr: string[] }> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(3000) })
    if (response.status !== 503) {
      await response.body?.cancel()
      return { reason: null, stderr: [] }
    }
    const { error } = (await response.json()) as Said
    const lines = Array.isArray(error?.data?.stderr) ? error.data.stderr : []
    return {
      reason: typeof error?.message === 'string' ? error.message : null,
      stderr: lines.slice(-20).map((line) => cutText(String(line), 500)),
    }
  } catch {
    return { reason: 'the sandbox service does not answer', stderr: [] }
  }
}
