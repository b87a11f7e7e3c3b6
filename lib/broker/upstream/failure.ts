import type { Shown } from './credential.ts'

/** The upstream could not be asked or did not answer as MCP says; `message` is safe to show. */
export class UpstreamFailure extends Error {
  override readonly name: string = 'UpstreamFailure'
  readonly kind: 'unreachable' | 'dropped' | 'refused' | 'session_gone' | 'malformed' | 'too_large' | 'too_deep'

  /** Of bytes or levels, what the answer was over; null when it was not a limit of answers. */
  readonly limit: number | null
  /** Whether that was the limit of answers that are passed on while they arrive. */
  readonly streamed: boolean

  constructor(kind: UpstreamFailure['kind'], message: string, limit: number | null = null, streamed = false) {
    super(message)
    this.kind = kind
    this.limit = limit
    this.streamed = streamed
  }
}

/** The server refuses what it was shown, and says what it wants instead. */
export class UpstreamRefusal extends UpstreamFailure {
  readonly challenge: { status: number; wwwAuthenticate: string | null }
  /** What it refuses. */
  shown: Shown | null = null

  constructor(status: number, wwwAuthenticate: unknown) {
    super('refused', `it refuses the broker's credential (${status})`)
    this.challenge = { status, wwwAuthenticate: typeof wwwAuthenticate === 'string' ? wwwAuthenticate : null }
  }
}

/** The server ended a stream before the reply and gave an event to resume after (2025-11-25). */
export class CutOff extends UpstreamFailure {
  readonly eventId: string
  readonly retryMs: number | null

  constructor({ id, retry }: { id: string; retry: number | null }) {
    super('malformed', 'its event stream ended without the reply')
    this.eventId = id
    this.retryMs = retry
  }
}
