import type { RuleId } from '#lib/guardrails/schema.ts'
import { CredentialFailure } from '../upstream/credential.ts'
import { UpstreamFailure } from '../upstream/failure.ts'

/** How a call failed, as one replica says it to another: what may reach whoever called. Null when only the log of the replica that had the call may say it. */
export type HandedFailure =
  | (Pick<UpstreamFailure, 'kind' | 'message' | 'limit' | 'streamed'> & { rule: RuleId | null })
  | null

/** How a call fails that ended before its answers came. */
export const hasEnded: HandedFailure = {
  kind: 'unreachable',
  message: 'it has ended',
  limit: null,
  streamed: false,
  rule: null,
}

/** The words of any other error are for nobody outside: it may name a database, a file or an address. */
export function handedFailure(error: unknown): HandedFailure {
  if (!(error instanceof UpstreamFailure)) return null
  const { kind, message, limit, streamed } = error
  return { kind, message, limit, streamed, rule: error instanceof CredentialFailure ? error.rule : null }
}

/** The failure as it is where its caller waits. */
export function failureOf(handed: HandedFailure): Error {
  if (!handed) return new Error('the call failed at the replica that had it')
  const { kind, message, limit, streamed, rule } = handed
  return rule ? new CredentialFailure(rule, message) : new UpstreamFailure(kind, message, limit, streamed)
}
