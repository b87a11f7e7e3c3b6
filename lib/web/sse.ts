import type { NextRequest } from 'next/server'
import type { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { newRequestId } from '#lib/core/ids.ts'
import { portal } from './db.ts'
import { failureOf } from './failure.ts'
import { problemResponse, toJson } from './problem.ts'
import { requestHeader } from './request-headers.ts'
import { readRequest, type RouteContract, type RouteHandler, type RouteInput } from './route.ts'

export type ServerSentEvent = { id?: string; event?: string; data: unknown }

type Parsed<S extends z.ZodType | undefined> = S extends z.ZodType ? z.output<S> : undefined
type StreamInput<P, Q> = RouteInput<P, Q, undefined> & {
  /** Ends the stream: the browser went away, or it is time to reconnect. */
  signal: AbortSignal
  /** Where a reconnecting browser left off. */
  lastEventId: string | null
}

// Proxies close quiet connections after 30 to 60 s; a browser reconnects by itself, and is authenticated anew each time.
const heartbeatMs = 15_000
const streamMsMax = 10 * 60_000

/**
 * Makes a route handler that streams server-sent events (WHATWG HTML 9.2). Refusals before the first event are problem+json; after it an
 * `error` event with the request id, then the end.
 */
export function sseRoute<P extends z.ZodType | undefined = undefined, Q extends z.ZodType | undefined = undefined>(
  contract: RouteContract<P, Q, undefined>,
  events: (
    ctx: Ctx & { requestId: string },
    input: StreamInput<Parsed<P>, Parsed<Q>>,
  ) => AsyncIterable<ServerSentEvent>,
): RouteHandler {
  return async (request: NextRequest, segments) => {
    const requestId = request.headers.get(requestHeader.id) ?? newRequestId()
    const ended = new AbortController()
    const signal = AbortSignal.any([request.signal, ended.signal, AbortSignal.timeout(streamMsMax)])
    try {
      const { ctx, input } = await readRequest(contract, { request, segments, requestId })
      const iterator = events(ctx, { ...input, signal, lastEventId: request.headers.get('last-event-id') })[
        Symbol.asyncIterator
      ]()
      // The first event is awaited before the status is sent, so that a refusal still has one.
      const first = await iterator.next()
      const isHead = request.method === 'HEAD'
      if (isHead) {
        ended.abort()
        await iterator.return?.()
      }
      const body = isHead ? null : streamOf({ iterator, first, signal, requestId, end: () => ended.abort() })
      return new Response(body, {
        headers: {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store, no-transform',
          'x-accel-buffering': 'no',
          [requestHeader.id]: requestId,
        },
      })
    } catch (error) {
      ended.abort()
      return problemResponse(failureOf(error, requestId, portal().log), request.nextUrl.pathname)
    }
  }
}

type Streaming = {
  iterator: AsyncIterator<ServerSentEvent>
  first: IteratorResult<ServerSentEvent>
  signal: AbortSignal
  requestId: string
  end: () => void
}

function streamOf({ iterator, first, signal, requestId, end }: Streaming): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let heartbeat: NodeJS.Timeout
  return new ReadableStream({
    async start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text))
      heartbeat = setInterval(() => send(': still here\n\n'), heartbeatMs)
      try {
        for (let step = first; !step.done && !signal.aborted; step = await iterator.next()) send(format(step.value))
      } catch (error) {
        if (!signal.aborted) send(format({ event: 'error', data: failureOf(error, requestId, portal().log) }))
      } finally {
        clearInterval(heartbeat)
        end()
        await iterator.return?.()
        closeQuietly(controller)
      }
    },
    cancel() {
      clearInterval(heartbeat)
      end()
    },
  })
}

function format({ id, event, data }: ServerSentEvent): string {
  return `${id ? `id: ${id}\n` : ''}${event ? `event: ${event}\n` : ''}data: ${toJson(data)}\n\n`
}

function closeQuietly(controller: ReadableStreamDefaultController): void {
  try {
    controller.close()
  } catch {
    // The browser has closed it already.
  }
}
