import { once } from 'node:events'
import { createServer } from 'node:http'
import { z } from 'zod'
import { listening } from './broker.ts'

const attribute = z.object({
  key: z.string(),
  value: z.object({ stringValue: z.string().optional(), intValue: z.coerce.number().optional() }),
})
const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(attribute) }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.number(),
              startTimeUnixNano: z.coerce.bigint(),
              endTimeUnixNano: z.coerce.bigint(),
              attributes: z.array(attribute).default([]),
              status: z.object({ code: z.number().optional() }).default({}),
            }),
          ),
        }),
      ),
    }),
  ),
})

export type ReceivedSpan = {
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  name: string
  /** OTLP's number: 1 internal, 2 server, 3 client. */
  kind: number
  milliseconds: number
  /** 2: error */
  status: number
  attributes: Record<string, string | number | undefined>
  service: string | number | undefined
}

export type OtlpReceiver = {
  url: string
  spans: ReceivedSpan[]
  /** Everything it was sent, word by word. */
  bodies: string[]
  authorizations: Set<string>
  stop(): Promise<void>
}

/** A collector as OpenTelemetry's protocol has it over HTTP with JSON; what is not a valid request of traces it refuses. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const bodies: string[] = []
  const authorizations = new Set<string>()
  const http = createServer((incoming, response) => {
    void (async () => {
      let text = ''
      for await (const chunk of incoming.setEncoding('utf8')) text += String(chunk)
      bodies.push(text)
      authorizations.add(incoming.headers.authorization ?? '')
      const parsed = incoming.url === '/v1/traces' ? request.safeParse(JSON.parse(text)) : null
      if (parsed?.success) spans.push(...spansOf(parsed.data))
      response.writeHead(parsed?.success ? 200 : 400, { 'content-type': 'application/json' }).end('{}')
    })()
  })
  const url = await listening(http)
  return {
    url,
    spans,
    bodies,
    authorizations,
    async stop() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}

function spansOf({ resourceSpans }: z.infer<typeof request>): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId || undefined,
        name: span.name,
        kind: span.kind,
        milliseconds: Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6,
        status: span.status.code ?? 0,
        attributes: valuesOf(span.attributes),
        service: valuesOf(resource.attributes)['service.name'],
      })),
    ),
  )
}

function valuesOf(attributes: z.infer<typeof attribute>[]): Record<string, string | number | undefined> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]))
}
