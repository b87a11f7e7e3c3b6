import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import { createTraceState } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { BrokerConfig } from '#lib/config/broker.ts'
import { auditText } from '../audit/records.ts'
import type { RequestFacts, RequestSpan, SpanEnd, Tracer, UpstreamFacts } from './request-telemetry.ts'
import type { TraceContext } from './trace-context.ts'

const overTcp = { 'network.transport': 'tcp', 'network.protocol.name': 'http', 'network.protocol.version': '1.1' }
const attributeLengthMax = 200

export type Tracing = Tracer & {
  /** Sends what is left. */
  stop(): Promise<void>
}

/**
 * Spans by OpenTelemetry's conventions for MCP, sent over OTLP/HTTP: one for the agent's request, below it one for each part of its way and one
 * for the exchange with the upstream. They name the agent, the server and the tool, and never hold arguments, results, tokens or addresses of resources.
 */
export function startTracing(config: NonNullable<BrokerConfig['tracing']> & { instance: string }): Tracing {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'wheelhouse-broker', 'service.instance.id': config.instance }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.share) }),
    spanLimits: { attributeValueLengthLimit: attributeLengthMax },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url: `${config.endpoint}/v1/traces`, headers: config.headers }),
        scheduledDelayMillis: 1000,
      }),
    ],
  })
  const tracer = provider.getTracer('wheelhouse-broker')
  return {
    begin(facts, parent, startedAt) {
      const options = { kind: SpanKind.SERVER, startTime: timeOf(startedAt), attributes: requestAttributes(facts) }
      const span = tracer.startSpan(facts.method, options, parent ? contextOf(parent) : ROOT_CONTEXT)
      const inside = trace.setSpan(ROOT_CONTEXT, span)
      return requestSpan({ facts, span, start: (name, options) => tracer.startSpan(name, options, inside) })
    },
    stop: () => provider.shutdown(),
  }
}

type Start = (name: string, options: { kind?: SpanKind; startTime?: number; attributes?: Attributes }) => Span

function requestSpan({ facts, span, start }: { facts: RequestFacts; span: Span; start: Start }): RequestSpan {
  let prompt: string | null = null
  return {
    traceId: span.spanContext().traceId,
    part(name, startedAt, endedAt) {
      // The exchange with the upstream has a span of its own.
      if (name !== 'upstream') start(name, { startTime: timeOf(startedAt) }).end(timeOf(endedAt))
    },
    upstream(to) {
      const name = to.tool === null ? to.method : `${to.method} ${to.tool}`
      const exchange = start(name, { kind: SpanKind.CLIENT, attributes: upstreamAttributes(to) })
      return {
        context: traceContextOf(exchange),
        end({ code, ...how }) {
          // What its caller made up names no span.
          prompt = how.error === null ? to.prompt : null
          if (prompt !== null) namePrompt(exchange, to.method, prompt)
          if (code !== undefined) exchange.setAttribute('rpc.response.status_code', String(code))
          finish(exchange, how)
        },
      }
    },
    end(how) {
      const { labels } = how
      if (labels) {
        span.setAttributes({
          'wheelhouse.server.id': labels.server,
          'wheelhouse.decision': labels.decision,
          ...(facts.method === 'tools/call' ? { 'gen_ai.tool.name': labels.tool } : {}),
        })
        // Only names of tools the registry knows get this far, so there are few.
        if (facts.method === 'tools/call' && labels.tool !== '') span.updateName(`${facts.method} ${labels.tool}`)
      }
      if (prompt !== null) namePrompt(span, facts.method, prompt)
      finish(span, how)
    },
  }
}

/** A server may answer to any name, however long. */
function namePrompt(span: Span, method: string, prompt: string): void {
  const name = auditText(prompt)
  span.setAttribute('gen_ai.prompt.name', name).updateName(`${method} ${name}`)
}

function finish(span: Span, { error }: SpanEnd): void {
  if (error !== null) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

function requestAttributes(facts: RequestFacts): Attributes {
  return {
    'mcp.method.name': facts.method,
    'mcp.protocol.version': facts.protocolVersion,
    ...(facts.sessionId === undefined ? {} : { 'mcp.session.id': facts.sessionId }),
    ...(facts.id === null ? {} : { 'jsonrpc.request.id': String(facts.id) }),
    ...(facts.method === 'tools/call' ? { 'gen_ai.operation.name': 'execute_tool' } : {}),
    ...(facts.serverId === null ? {} : { 'wheelhouse.server.id': facts.serverId }),
    'wheelhouse.agent.id': facts.agentId,
    'wheelhouse.agent.class': facts.agentClass,
    ...overTcp,
  }
}

function upstreamAttributes({ method, tool, serverId, url }: UpstreamFacts): Attributes {
  return {
    'mcp.method.name': method,
    ...(tool === null ? {} : { 'gen_ai.tool.name': tool, 'gen_ai.operation.name': 'execute_tool' }),
    'wheelhouse.server.id': serverId,
    ...addressOf(url),
    ...overTcp,
  }
}

/** A program that the sandbox service runs has no address of its own. */
function addressOf(url: string): Attributes {
  if (!URL.canParse(url)) return {}
  const { hostname, port, protocol } = new URL(url)
  return { 'server.address': hostname, 'server.port': Number(port) || (protocol === 'https:' ? 443 : 80) }
}

function contextOf({ traceId, spanId, sampled, state }: TraceContext): Context {
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  const traceState = state === null ? {} : { traceState: createTraceState(state) }
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true, ...traceState })
}

function traceContextOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext()
  return { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0, state: traceState?.serialize() || null }
}

/** Of the monotonic clock, as the SDK takes it: milliseconds since 1970. */
function timeOf(monotonic: number): number {
  return performance.timeOrigin + monotonic
}
