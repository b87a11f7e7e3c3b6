import type { Anthropic } from '@anthropic-ai/sdk'
import type { ClaudeEvent } from '../schema.ts'
import { toDomainError } from './errors.ts'

type Options = {
  client: Anthropic
  sessionId: string
  signal: AbortSignal
  /** Waits between reconnections, milliseconds: doubled from `min` to `max`, back to `min` after any event. */
  reconnectMs?: { min: number; max: number }
}

/**
 * Every event of a session from its first, each once and only when it has been processed, then live ones until the session is terminated
 * or deleted, the signal aborts or the consumer leaves. The stream has no replay: each connection opens the stream first, then reads the
 * history, so nothing falls between; ids remove what is seen twice. Throws a DomainError when the server refuses for good.
 */
export async function* followSession(options: Options): AsyncGenerator<ClaudeEvent, void, void> {
  const { signal } = options
  const { min, max } = options.reconnectMs ?? { min: 250, max: 5_000 }
  const seen = new Set<string>()
  let waitMs = min
  while (!signal.aborted) {
    try {
      for await (const event of connectOnce(options)) {
        if (!isNew(event, seen)) continue
        waitMs = min
        yield event
        if (event.type === 'session.status_terminated' || event.type === 'session.deleted') return
      }
    } catch (error) {
      if (signal.aborted) return
      if (isFinal(error)) throw toDomainError('follow a session', error)
    }
    await pause(waitMs, signal)
    waitMs = Math.min(waitMs * 2, max)
  }
}

async function* connectOnce({ client, sessionId, signal }: Options): AsyncGenerator<ClaudeEvent, void, void> {
  const stream = await client.beta.sessions.events.stream(sessionId, {}, { signal })
  for await (const event of client.beta.sessions.events.list(sessionId, { limit: 1000 }, { signal })) yield event
  for await (const event of stream) {
    if (event.type !== 'event_start' && event.type !== 'event_delta') yield event
  }
}

/** A queued event comes again when it is processed; an interrupt may come without an id. */
function isNew(event: ClaudeEvent, seen: Set<string>): boolean {
  if (event.processed_at === null) return false
  const key = event.id || `${event.type}@${event.processed_at ?? ''}`
  if (seen.has(key)) return false
  seen.add(key)
  return true
}

/** A client error that trying again cannot mend: the session does not exist, the key is refused. */
function isFinal(error: unknown): boolean {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return typeof status === 'number' && status >= 400 && status < 500 && ![408, 409, 429].includes(status)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
}
