import type { ServerResponse } from 'node:http'
import type { Db } from '#lib/db/client.ts'
import { invalid } from '../http/errors.ts'
import type { EventBus } from './bus.ts'
import { toEvent } from './types.ts'

type Options = { db: Db; bus: EventBus; sessionId: string; deltas: ReadonlySet<string> }

const pingMs = 15_000
/** A client that reads this slowly is cut off; it connects again and reads the history. */
const bufferBytesMax = 8 * 1024 * 1024

/** Live events from now on; no replay. Previews only for the types the connection asked for. Ends when the session ends. */
export async function streamEvents(response: ServerResponse, options: Options): Promise<void> {
  const { db, bus, sessionId, deltas } = options
  const previews = new Set<string>()
  const unsubscribe = bus.subscribe(sessionId, (event) => {
    if (event.type === 'event_start') {
      if (!deltas.has(event.event.type)) return
      previews.add(event.event.id)
    }
    if (event.type === 'event_delta' && !previews.has(event.event_id)) return
    write(response, event)
    if (event.type === 'session.status_terminated' || event.type === 'session.deleted') response.end()
  })
  const ping = setInterval(() => response.write('event: ping\ndata: {"type":"ping"}\n\n'), pingMs)
  response.on('close', () => {
    clearInterval(ping)
    unsubscribe()
  })
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    connection: 'keep-alive',
  })
  response.flushHeaders()
  response.write(': connected\n\n')
  await endIfOver(db, sessionId, response)
}

/** Nothing will ever come on the stream of a session that has ended, so its end is all it gets. */
async function endIfOver(db: Db, sessionId: string, response: ServerResponse): Promise<void> {
  const last = await db.embEvent.findFirst({
    where: { sessionId, type: 'session.status_terminated' },
    select: { id: true, type: true, payload: true, processedAt: true },
  })
  if (!last || response.writableEnded) return
  write(response, toEvent(last))
  response.end()
}

/** `event_deltas[]`: which previews a connection wants. */
export function readDeltas(query: Readonly<Record<string, string | string[]>>): Set<string> {
  const wanted = query.event_deltas ?? []
  const types = Array.isArray(wanted) ? wanted : [wanted]
  const unknown = types.find((type) => type !== 'agent.message' && type !== 'agent.thinking')
  if (unknown !== undefined || types.length > 100) {
    throw invalid('event_deltas: use agent.message or agent.thinking, at most 100 values.')
  }
  return new Set(types)
}

function write(response: ServerResponse, event: { type: string }): void {
  if (response.writableEnded) return
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  if (response.writableLength > bufferBytesMax) response.destroy()
}
