import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { cutText } from '#lib/core/storable.ts'
import { classFromAnnotations } from '../rules.ts'
import { addressFindings } from '../rules/server-address.ts'
import { inspectTool, type ToolDefinition } from '../rules/tool-change.ts'
import type { ProbedTool, ProbeFinding, ProbeReport } from '../schema/probes.ts'
import { RefusedAddress } from '#lib/core/guarded-lookup.ts'
import { type GuardedFetch, guardedFetch } from './guarded-fetch.ts'

export type ProbeCredential = { header: string; value: string }

const deadlineMs = 20_000
/** For everything together, so that no server keeps the worker: shorter than the page waits for a report. */
const wholeMs = 30_000
const toolsMax = 500
const pagesMax = 50

/** Asks an address what it is: where it leads, how it is guarded, which protocol it speaks and what it offers. Never rejects for what it finds. */
export async function probeServer(options: {
  url: string
  credential: ProbeCredential | null
  allowLinkLocal: boolean
  /** Until it ends, whatever the server does. */
  withinMs?: number
}): Promise<ProbeReport> {
  const { url, credential } = options
  const guarded = guardedFetch(options)
  const over = AbortSignal.timeout(options.withinMs ?? wholeMs)
  const report: ProbeReport = {
    host: new URL(url).host,
    addresses: [],
    tls: new URL(url).protocol === 'https:' ? 'unknown' : 'none',
    reachable: false,
    challenge: null,
    protocol: null,
    tools: [],
    findings: addressFindings(url).filter(({ kind }) => kind !== 'refused_address' || !options.allowLinkLocal),
  }
  try {
    await askWithout(report, { url, guarded, over })
    if (credential || report.challenge === null) await askForTools(report, { url, credential, guarded, over })
  } catch (error) {
    add(report, failureOf(error, report))
  } finally {
    await guarded.close().catch(() => {})
  }
  report.addresses = [...guarded.resolved.keys()]
  for (const kind of guarded.resolved.values()) {
    if (kind === 'loopback') add(report, { kind: 'loopback_address', note: report.addresses.join(', ') })
    if (kind === 'private' || kind === 'reserved')
      add(report, { kind: 'private_address', note: report.addresses.join(', ') })
  }
  return report
}

type Parts = { url: string; guarded: GuardedFetch; over: AbortSignal }

/** A request as a stranger sends it: who gets an answer needs no credential. */
async function askWithout(report: ProbeReport, { url, guarded, over }: Parts): Promise<void> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'wheelhouse-probe', version: '1' },
  }
  const response = await guarded.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
    signal: AbortSignal.any([over, AbortSignal.timeout(deadlineMs)]),
  })
  await response.body?.cancel().catch(() => {})
  if (report.tls === 'unknown') report.tls = 'verified'
  const { status } = response
  if (status === 401 || status === 403) {
    report.reachable = true
    report.challenge = cutText(response.headers.get('www-authenticate') ?? `status ${status}`, 500)
    add(report, { kind: 'needs_credential', note: report.challenge })
  } else if (status >= 300 && status < 400) {
    add(report, { kind: 'redirects', note: cutText(response.headers.get('location') ?? `status ${status}`, 300) })
    throw new Error('it redirects')
  }
}

async function askForTools(
  report: ProbeReport,
  { url, credential, guarded, over }: Parts & { credential: ProbeCredential | null },
): Promise<void> {
  const client = new Client({ name: 'wheelhouse-probe', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  const headers = credential ? { [credential.header]: credential.value } : {}
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers },
    fetch: (target, init) =>
      guarded.fetch(target, {
        ...init,
        signal: AbortSignal.any([over, AbortSignal.timeout(deadlineMs), ...(init?.signal ? [init.signal] : [])]),
      }),
  })
  try {
    await client.connect(transport, { timeout: deadlineMs, signal: over })
    const server = client.getServerVersion()
    report.reachable = true
    report.protocol = {
      era: client.getProtocolEra() === 'modern' ? 'modern' : 'legacy',
      version: client.getNegotiatedProtocolVersion() ?? 'unknown',
      server: cutText(`${server?.name ?? 'unnamed'} ${server?.version ?? ''}`.trim(), 200),
    }
    if (report.challenge === null) add(report, { kind: 'no_authentication', note: 'it answered without a credential' })
    if (credential) add(report, { kind: 'credential_works', note: `sent as ${credential.header}` })
    report.tools = await toolsOf(client, over)
    const unannotated = report.tools.filter(({ annotated }) => !annotated)
    if (unannotated.length > 0) add(report, { kind: 'unannotated_tools', note: namesOf(unannotated) })
    const marked = report.tools.filter(({ findings }) => findings.length > 0)
    if (marked.length > 0) add(report, { kind: 'marked_tools', note: namesOf(marked) })
  } catch (error) {
    if (!credential || report.protocol) throw error
    add(report, { kind: 'credential_refused', note: wordsOf(error) })
  } finally {
    await client.close().catch(() => {})
  }
}

/** What it lists, as far as a server with tools for people would go on. */
async function toolsOf(client: Client, over: AbortSignal): Promise<ProbedTool[]> {
  if (!client.getServerCapabilities()?.tools) return []
  const tools: ToolDefinition[] = []
  const cursors = new Set<string>()
  let cursor: string | undefined
  for (let pages = 0; pages < pagesMax && tools.length < toolsMax; pages += 1) {
    const page = await client.request(
      { method: 'tools/list', params: cursor === undefined ? {} : { cursor } },
      { timeout: deadlineMs, signal: over },
    )
    tools.push(...(page.tools as ToolDefinition[]))
    cursor = page.nextCursor
    if (cursor === undefined || cursors.has(cursor)) break
    cursors.add(cursor)
  }
  const names = tools.map(({ name }) => name)
  return tools.slice(0, toolsMax).map((tool) => {
    const annotations = (tool['annotations'] ?? {}) as Record<string, unknown>
    const annotated = 'readOnlyHint' in annotations || 'destructiveHint' in annotations
    return {
      name: cutText(tool.name, 200),
      description: cutText(typeof tool['description'] === 'string' ? tool['description'] : '', 500),
      class: classFromAnnotations(annotations),
      annotated,
      findings: inspectTool(tool, { otherTools: names.filter((name) => name !== tool.name) }).slice(0, 20),
    }
  })
}

function failureOf(error: unknown, report: ProbeReport): ProbeFinding {
  const causes = [error, (error as Error).cause, ((error as Error).cause as Error | undefined)?.cause]
  if (causes.some((cause) => cause instanceof RefusedAddress)) return { kind: 'refused_address', note: report.host }
  const code = causes
    .map((cause) => (cause as { code?: unknown } | undefined)?.code)
    .find((code) => typeof code === 'string')
  if (typeof code === 'string' && /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(code)) report.tls = 'failed'
  return { kind: 'unreachable', note: typeof code === 'string' ? code : wordsOf(error) }
}

/** Of our own and the runtime's words only: what a server says in an error is not shown. */
function wordsOf(error: unknown): string {
  if (error instanceof Error && error.message === 'it redirects') return 'it redirects'
  return error instanceof Error ? error.name : 'no reason given'
}

function add(report: ProbeReport, finding: ProbeFinding): void {
  if (!report.findings.some(({ kind }) => kind === finding.kind)) report.findings.push(finding)
}

function namesOf(tools: readonly ProbedTool[]): string {
  return cutText(tools.map(({ name }) => name).join(', '), 300)
}
