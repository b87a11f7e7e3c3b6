import { addressKind, isRefusedHost } from '#lib/core/address-kind.ts'
import type { ProbeFinding, ProbeReport } from '../schema/probes.ts'
import { probeFindingKinds, probeFindingNames } from '../schema/probes.ts'

/** What an address alone shows, without asking it. */
export function addressFindings(url: string): ProbeFinding[] {
  const { protocol, hostname } = new URL(url)
  const literal = addressKind(hostname)
  const isLocalName = /(?:^|\.)localhost\.?$/i.test(hostname)
  const found: ProbeFinding[] = []
  if (protocol === 'http:') found.push({ kind: 'plain_http', note: hostname })
  if (isRefusedHost(hostname)) found.push({ kind: 'refused_address', note: hostname })
  if (literal === 'loopback' || isLocalName) found.push({ kind: 'loopback_address', note: hostname })
  if (literal === 'private' || literal === 'reserved') found.push({ kind: 'private_address', note: hostname })
  return found
}

/** What has to be accepted by name before a server is registered at an address, given the last probe of it. */
export function findingsToAcknowledge(url: string, report: ProbeReport | null): ProbeFinding[] {
  const probed = report ? report.findings : [{ kind: 'not_probed' as const, note: new URL(url).hostname }]
  return relaxedOf([...addressFindings(url), ...probed])
}

/** Those that guard less, each kind once. */
export function relaxedOf(findings: readonly ProbeFinding[]): ProbeFinding[] {
  const relaxed = findings.filter(({ kind }) => probeFindingKinds[kind].relaxed)
  return relaxed.filter(({ kind }, index) => relaxed.findIndex((other) => other.kind === kind) === index)
}

/** What a form offers to accept: the same, and what a refusal names that the form could not know, such as another person's probe. */
export function openFindings(
  url: string,
  { report, refusal }: { report: ProbeReport | null; refusal: Readonly<Record<string, unknown>> },
): ProbeFinding[] {
  return withRefused(findingsToAcknowledge(url, report), refusal, new URL(url).hostname)
}

/** Adds what a refusal names besides. */
export function withRefused(
  offered: readonly ProbeFinding[],
  refusal: Readonly<Record<string, unknown>>,
  note: string,
): ProbeFinding[] {
  const named = Array.isArray(refusal['findings']) ? (refusal['findings'] as unknown[]) : []
  const others = probeFindingNames.filter((kind) => named.includes(kind) && !offered.some((one) => one.kind === kind))
  return [...offered, ...others.map((kind) => ({ kind, note }))]
}

/** Whether an address is never called: the probe says it of a name, the address of itself unless the probe was allowed there. */
export function isRefusedAddress(url: string, report: ProbeReport | null): boolean {
  if (report) return report.findings.some(({ kind }) => kind === 'refused_address')
  return isRefusedHost(new URL(url).hostname)
}
