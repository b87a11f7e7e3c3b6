import { RefusedAddress } from '#lib/core/guarded-lookup.ts'
import { cutText } from '#lib/core/storable.ts'
import type { ProbeFinding } from '../schema/probes.ts'
import { type Answer, deadlineMs, type Outcome } from './ask.ts'
import { connectMs, responseBytesMax } from './guarded-fetch.ts'
import { NoToolList } from './probed-tools.ts'

/** Why a server could not be asked, in our own and the runtime's words only: what it says in an error is not shown. */
export function failureOf({ problem, answer, protocol }: Outcome, url: string): ProbeFinding {
  const causes = causesOf(problem)
  if (causes.some((cause) => cause instanceof RefusedAddress))
    return { kind: 'refused_address', note: new URL(url).host }
  const code = codeOf(problem)
  const certificate = certificateProblem(code)
  if (certificate !== null) return { kind: 'untrusted_certificate', note: `${code}: ${certificate}` }
  const slow = slowness(problem, code)
  if (slow !== null) return { kind: 'slow', note: slow }
  const words = explanations[code ?? '']
  if (code !== null && words !== undefined) return { kind: 'unreachable', note: `${code}: ${words}` }
  if (protocol) return { kind: 'tools_not_listed', note: listingProblem(problem, answer) }
  if (!answer) return { kind: 'unreachable', note: code ?? 'the connection ended' }
  if (isRedirect(answer)) return { kind: 'redirects', note: cutText(whereTo(answer, url), 300) }
  return { kind: 'not_mcp', note: inWords(answer) }
}

export function isRedirect({ status }: Answer): boolean {
  return status >= 300 && status < 400
}

/** Whether a server ended the connection because nobody showed it a certificate; `shown`: one is there to be shown. */
export function wantsCertificate(problem: unknown, shown: boolean): boolean {
  const code = codeOf(problem) ?? ''
  return (
    /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(code) || (shown && /SSL|ECONNRESET|EPIPE|UND_ERR_SOCKET/.test(code))
  )
}

export function codeOf(problem: unknown): string | null {
  const codes = causesOf(problem).map((cause) => (cause as { code?: unknown } | undefined)?.code)
  return codes.find((code) => typeof code === 'string') ?? null
}

/** What an answer is, without anything of its body. */
export function inWords({ status, type }: Answer): string {
  return `status ${status}${type === '' ? '' : `, ${cutText(type, 100)}`}`
}

function causesOf(problem: unknown): unknown[] {
  const cause = (error: unknown) => (error as { cause?: unknown } | null)?.cause
  return [problem, cause(problem), cause(cause(problem))]
}

function certificateProblem(code: string | null): string | null {
  if (code === null) return null
  if (code === 'CERT_HAS_EXPIRED') return 'it has ended'
  if (code === 'CERT_NOT_YET_VALID') return 'it is not valid yet'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'it is of another name'
  return /SELF_SIGNED|UNABLE_TO_|CERT_|_CERT/.test(code) && !code.startsWith('ERR_SSL')
    ? 'it is signed by nobody the system trusts'
    : null
}

function slowness(problem: unknown, code: string | null): string | null {
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return `no connection within ${connectMs / 1000} s`
  const isTimeout = causesOf(problem).some((cause) => cause instanceof Error && cause.name === 'TimeoutError')
  if (!isTimeout && code !== 'REQUEST_TIMEOUT' && code !== 'UND_ERR_HEADERS_TIMEOUT') return null
  return `not everything was answered within ${deadlineMs / 1000} s for a request and 30 s in all`
}

const explanations: Record<string, string> = {
  ENOTFOUND: 'no address is known for its name here',
  EAI_AGAIN: 'its name could not be looked up now',
  ECONNREFUSED: 'nothing listens at this port',
  EHOSTUNREACH: 'no way leads there from here',
  ENETUNREACH: 'no way leads there from here',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS: is it http?',
  EPROTO: 'the TLS of both sides does not fit together',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: `it answers with more than ${responseBytesMax / 1024 / 1024} MiB`,
  HPE_INVALID_CONSTANT: 'it does not speak HTTP: is it https?',
}

/** Why tools were not listed by a server that greets. */
export function listingProblem(problem: unknown, answer: Answer | null = null): string {
  if (problem instanceof NoToolList) return problem.message
  const code = (problem as { code?: unknown } | null)?.code
  if (typeof code === 'number') return `it answers tools/list with the error ${code}`
  return answer && answer.status >= 400 ? inWords(answer) : 'what it answers to tools/list is no result'
}

/** The address it leads to as a whole, whose secrets in a query are none of ours. */
function whereTo({ status, location }: Answer, from: string): string {
  if (location === null || !URL.canParse(location, from)) return `status ${status}`
  const { origin, pathname } = new URL(location, from)
  return origin + pathname
}
