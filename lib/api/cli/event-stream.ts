import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint, RequestOf } from '../endpoint.ts'
import type { Client } from './client.ts'
import { Unreachable } from './errors.ts'

export type StreamEvent = { event: string; data: unknown }

/** Tries to reconnect for this long after the last sign of life. */
const patienceMsDefault = 60_000
const pauseMsMax = 5000

/**
 * Events of a stream (WHATWG HTML 9.2) until the caller stops reading. A connection that ends is opened again from the last event on, so
 * nothing is lost or repeated. Throws `ApiRefusal` when the server refuses, `Unreachable` when it stays away.
 */
export async function* follow<E extends Endpoint>(
  client: Client,
  endpoint: E,
  request: RequestOf<E>,
  options: { onLost: (error: Unreachable) => void; patienceMs?: number },
): AsyncGenerator<StreamEvent> {
  const patienceMs = options.patienceMs ?? patienceMsDefault
  let lastId = ''
  let heardAt = Date.now()
  let pauseMs = 250
  for (;;) {
    const stop = new AbortController()
    try {
      const headers: Record<string, string> = lastId ? { 'last-event-id': lastId } : {}
      const response = await client.open(endpoint, request, { signal: stop.signal, headers })
      for await (const message of messagesOf(response)) {
        heardAt = Date.now()
        pauseMs = 250
        if (message.id) lastId = message.id
        yield { event: message.event, data: parse(message.data) }
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      if (Date.now() - heardAt > patienceMs) throw error
      options.onLost(error)
    } finally {
      stop.abort()
    }
    await sleep(pauseMs)
    pauseMs = Math.min(pauseMsMax, pauseMs * 2)
  }
}

type Message = { id: string; event: string; data: string }

async function* messagesOf(response: Response): AsyncGenerator<Message> {
  if (!response.body) return
  let message: Message = { id: '', event: 'message', data: '' }
  for await (const line of linesOf(response.body)) {
    if (line === '') {
      if (message.data !== '') yield { ...message, data: message.data.slice(0, -1) }
      message = { id: '', event: 'message', data: '' }
      continue
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'data') message.data += `${value}\n`
    if (field === 'event') message.event = value
    if (field === 'id') message.id = value
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r/)
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch (error) {
    throw new Unreachable(`The connection broke: ${error instanceof Error ? error.message : String(error)}.`)
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    throw new Unreachable('The server sent an event that is not JSON.')
  }
}
