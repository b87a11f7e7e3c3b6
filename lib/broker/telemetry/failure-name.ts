import { CallEnded } from '../in-flight.ts'
import { UpstreamFailure } from '../upstream/failure.ts'

/** What a span calls the end of an exchange that brought no reply: one of few names. */
export function failureName(error: unknown, { reason }: AbortSignal): string {
  if (reason instanceof CallEnded) return reason.denial?.rule ?? 'cancelled'
  return error instanceof UpstreamFailure ? error.kind : '_OTHER'
}
