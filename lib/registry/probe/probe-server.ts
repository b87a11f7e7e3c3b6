import { cutText } from '#lib/core/storable.ts'
import { addressFindings } from '../rules/server-address.ts'
import type { ProbeReport } from '../schema/probes.ts'
import { ask, type Outcome, type Shown } from './ask.ts'
import { type ClientTls, type GuardedFetch, guardedFetch } from './guarded-fetch.ts'
import { speaksOlderTransport } from './older-transport.ts'
import { codeOf, failureOf, inWords, isRedirect, wantsCertificate } from './probe-failure.ts'
import { add, addTools } from './probed-tools.ts'

type Challenge = { status: number; wwwAuthenticate: string | null }

/** What is shown once. Rejects with words that are safe to show. */
export type ProbeCredential = {
  /** As the report calls it. */
  name: string
  /** What to show, given what the server answered to a request without it. */
  shown: (challenge: Challenge | null) => Promise<Shown>
  tls?: ClientTls
}

/** For everything together, so that no server keeps the worker: shorter than the page waits for a report. */
const wholeMs = 30_000

type Options = {
  url: string
  credential: ProbeCredential | null
  allowLinkLocal: boolean
  /** Until it ends, whatever the server does. */
  withinMs?: number
}
type Probing = { url: string; guarded: GuardedFetch; over: AbortSignal }

/** Asks an address what it is: where it leads, how it is guarded, which protocol it speaks and what it offers. Never rejects for what it finds. */
export async function probeServer({ url, credential, allowLinkLocal, withinMs }: Options): Promise<ProbeReport> {
  const ca = credential?.tls?.ca
  const guarded = guardedFetch({ allowLinkLocal, tls: ca === undefined ? undefined : { ca } })
  const withTls = credential?.tls ? guardedFetch({ allowLinkLocal, tls: credential.tls }) : guarded
  const over = AbortSignal.timeout(withinMs ?? wholeMs)
  const report: ProbeReport = {
    host: new URL(url).host,
    addresses: [],
    tls: new URL(url).protocol === 'https:' ? 'unknown' : 'none',
    reachable: false,
    challenge: null,
    protocol: null,
    tools: [],
    findings: addressFindings(url).filter(({ kind }) => kind !== 'refused_address' || !allowLinkLocal),
  }
  try {
    // As a stranger asks: who gets an answer needs no credential.
    const bare = await ask({ url, guarded, over, shown: null, ...(credential && { pagesMax: 1 }) })
    const guard = guardOf(bare, credential)
    noteGuard(report, { bare, guard })
    if (credential && isWorthTrying(bare, guard))
      await tryCredential(report, { url, guarded: withTls, over }, { credential, bare, guard })
    else if (guard === null) await noteOutcome(report, { url, guarded, over }, bare)
  } finally {
    for (const one of new Set([guarded, withTls])) await one.close().catch(() => {})
  }
  addAddresses(report, new Map([...guarded.resolved, ...withTls.resolved]))
  return report
}

/** What a server wants to be shown, as it says it; null: nothing that it says. */
function guardOf({ answer, problem }: Outcome, credential: ProbeCredential | null): string | null {
  if (problem === null) return null
  if (answer?.status === 401 || answer?.status === 403)
    return cutText(answer.wwwAuthenticate ?? `status ${answer.status}`, 500)
  return wantsCertificate(problem, credential?.tls !== undefined) ? 'a client certificate' : null
}

function noteGuard(report: ProbeReport, { bare, guard }: { bare: Outcome; guard: string | null }): void {
  if (bare.answer && report.tls === 'unknown') report.tls = 'verified'
  report.reachable = bare.protocol !== null || guard !== null
  report.protocol = bare.protocol
  report.challenge = guard
  if (guard !== null) add(report, { kind: 'needs_credential', note: guard })
  else if (bare.protocol) add(report, { kind: 'no_authentication', note: 'it answered without a credential' })
}

/** Some answer a stranger in another way than by asking for a credential. What did not get through, or leads elsewhere, is the same with one. */
function isWorthTrying({ answer, protocol }: Outcome, guard: string | null): boolean {
  return guard !== null || protocol !== null || (answer !== null && !isRedirect(answer))
}

async function tryCredential(
  report: ProbeReport,
  probing: Probing,
  { credential, bare, guard }: { credential: ProbeCredential; bare: Outcome; guard: string | null },
): Promise<void> {
  const refused = (note: string) => add(report, { kind: 'credential_refused', note: cutText(note, 300) })
  const shown = await credential.shown(bare.answer).catch((error: unknown) => {
    refused(error instanceof Error ? error.message : 'it could not be shown')
    return null
  })
  if (!shown) return
  const outcome = await ask({ ...probing, shown })
  const { answer, protocol, problem } = outcome
  if (answer && report.tls === 'unknown') report.tls = 'verified'
  if (problem !== null && (answer?.status === 401 || answer?.status === 403)) return refused(inWords(answer))
  if (!protocol && guard === 'a client certificate') return refused(codeOf(problem) ?? 'the connection ended')
  if (protocol) {
    if (guard === null && !bare.protocol && bare.answer) {
      report.challenge = inWords(bare.answer)
      add(report, { kind: 'needs_credential', note: report.challenge })
    }
    add(report, { kind: 'credential_works', note: `sent as ${credential.name}` })
  }
  await noteOutcome(report, probing, outcome)
}

async function noteOutcome(report: ProbeReport, { url, guarded, over }: Probing, outcome: Outcome): Promise<void> {
  if (outcome.protocol) {
    report.reachable = true
    report.protocol = outcome.protocol
  }
  if (outcome.listed) addTools(report, outcome.listed)
  if (outcome.problem === null) return
  const failure = failureOf(outcome, url)
  if (failure.kind === 'untrusted_certificate') report.tls = 'failed'
  const isOlder = failure.kind === 'not_mcp' && (await speaksOlderTransport(url, { guarded, over }))
  add(report, isOlder ? { kind: 'older_transport', note: failure.note } : failure)
}

function addAddresses(report: ProbeReport, resolved: GuardedFetch['resolved']): void {
  report.addresses = [...resolved.keys()]
  const note = report.addresses.join(', ')
  for (const kind of resolved.values()) {
    if (kind === 'loopback') add(report, { kind: 'loopback_address', note })
    if (kind === 'private' || kind === 'reserved') add(report, { kind: 'private_address', note })
  }
}
