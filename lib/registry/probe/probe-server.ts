import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { cutText } from '#lib/core/storable.ts'
import { addressFindings } from '../rules/server-address.ts'
import type { ProbeFinding, ProbeReport } from '../schema/probes.ts'
import { RefusedAddress } from '#lib/core/guarded-lookup.ts'
import { type ClientTls, type GuardedFetch, guardedFetch } from './guarded-fetch.ts'
import { add, addTools, protocolOf } from './probed-tools.ts'

type Challenge = { status: number; wwwAuthenticate: string | null }

/** What is shown once. Rejects with words that are safe to show. */
export type ProbeCredential = {
  /** As the report calls it. */
  name: string
  /** The headers to send, given what the server answered to a request without them. */
  headers: (challenge: Challenge | null) => Promise<Readonly<Record<string, string>>>
  tls?: ClientTls
}

const deadlineMs = 20_000
/** For everything together, so that no server keeps the worker: shorter than the page waits for a report. */
const wholeMs = 30_000

/** Asks an address what it is: where it leads, how it is guarded, which protocol it speaks and what it offers. Never rejects for what it finds. */
export async function probeServer(options: {
  url: string
  credential: ProbeCredential | null
  allowLinkLocal: boolean
  /** Until it ends, whatever the server does. */
  withinMs?: number
}): Promise<ProbeReport> {
  const { url, credential } = options
  const { allowLinkLocal } = options
  const ca = credential?.tls?.ca
  const guarded = guardedFetch({ allowLinkLocal, tls: ca === undefined ? undefined : { ca } })
  const shown = credential?.tls ? guardedFetch({ allowLinkLocal, tls: credential.tls }) : guarded
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
    const challenge = await askWithout(report, { url, guarded, over }).catch((error: unknown) => {
      if (!credential?.tls || !wantsCertificate(error)) throw error
      report.reachable = true
      report.challenge = 'a client certificate'
      add(report, { kind: 'needs_credential', note: report.challenge })
      return null
    })
    if (credential || report.challenge === null)
      await askForTools(report, { url, credential, guarded: shown, over, challenge })
  } catch (error) {
    add(report, failureOf(error, report))
  } finally {
    for (const one of new Set([guarded, shown])) await one.close().catch(() => {})
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
async function askWithout(report: ProbeReport, { url, guarded, over }: Parts): Promise<Challenge | null> {
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
    const wwwAuthenticate = response.headers.get('www-authenticate')
    report.challenge = cutText(wwwAuthenticate ?? `status ${status}`, 500)
    add(report, { kind: 'needs_credential', note: report.challenge })
    return { status, wwwAuthenticate }
  }
  if (status >= 300 && status < 400) {
    add(report, { kind: 'redirects', note: cutText(response.headers.get('location') ?? `status ${status}`, 300) })
    throw new Error('it redirects')
  }
  return null
}

/** A server that takes nobody without a certificate ends the connection. */
function wantsCertificate(error: unknown): boolean {
  const code = codeOf(error)
  return code !== null && /SSL|ECONNRESET|EPIPE|UND_ERR_SOCKET/.test(code)
}

async function askForTools(
  report: ProbeReport,
  {
    url,
    credential,
    guarded,
    over,
    challenge,
  }: Parts & { credential: ProbeCredential | null; challenge: Challenge | null },
): Promise<void> {
  const headers = await credential?.headers(challenge).catch((error: unknown) => {
    add(report, { kind: 'credential_refused', note: cutText(error instanceof Error ? error.message : '', 300) })
    return null
  })
  if (headers === null) return
  const client = new Client({ name: 'wheelhouse-probe', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: headers ?? {} },
    fetch: (target, init) =>
      guarded.fetch(target, {
        ...init,
        signal: AbortSignal.any([over, AbortSignal.timeout(deadlineMs), ...(init?.signal ? [init.signal] : [])]),
      }),
  })
  try {
    await client.connect(transport, { timeout: deadlineMs, signal: over })
    report.reachable = true
    report.protocol = protocolOf(client)
    if (report.challenge === null) add(report, { kind: 'no_authentication', note: 'it answered without a credential' })
    if (credential) add(report, { kind: 'credential_works', note: `sent as ${credential.name}` })
    await addTools(report, client, { signal: over, timeout: deadlineMs })
  } catch (error) {
    if (!credential || report.protocol) throw error
    add(report, { kind: 'credential_refused', note: wordsOf(error) })
  } finally {
    await client.close().catch(() => {})
  }
}

function failureOf(error: unknown, report: ProbeReport): ProbeFinding {
  const causes = causesOf(error)
  if (causes.some((cause) => cause instanceof RefusedAddress)) return { kind: 'refused_address', note: report.host }
  const code = codeOf(error)
  if (code !== null && /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(code)) report.tls = 'failed'
  return { kind: 'unreachable', note: code ?? wordsOf(error) }
}

function causesOf(error: unknown): unknown[] {
  return [error, (error as Error).cause, ((error as Error).cause as Error | undefined)?.cause]
}

function codeOf(error: unknown): string | null {
  const codes = causesOf(error).map((cause) => (cause as { code?: unknown } | undefined)?.code)
  return codes.find((code) => typeof code === 'string') ?? null
}

/** Of our own and the runtime's words only: what a server says in an error is not shown. */
function wordsOf(error: unknown): string {
  if (error instanceof Error && error.message === 'it redirects') return 'it redirects'
  return error instanceof Error ? error.name : 'no reason given'
}
