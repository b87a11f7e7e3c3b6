import type { IncomingHttpHeaders } from 'node:http'
import type { BrokerMetrics, CallLabels, LatencyPart } from '../metrics.ts'
import type { RpcId } from '../wire.ts'
import { readTraceContext, type TraceContext } from './trace-context.ts'

/** What is known of a request when it begins; never its arguments. */
export type RequestFacts = {
  method: string
  id: RpcId
  protocolVersion: string
  sessionId: string | undefined
  agentId: string
  agentClass: string
  serverId: string | null
}
/** How a request or a part of it ended; `error` names a class of errors, null when it went well. */
export type SpanEnd = { error: string | null; labels?: CallLabels | undefined }
export type UpstreamFacts = {
  serverId: string
  url: string
  method: string
  tool: string | null
  /** As its caller named it: only when the server has answered is it a name of anything. */
  prompt: string | null
}

/** The span of one request. `part` adds a span that has ended already; times are of the monotonic clock, in milliseconds. */
export type RequestSpan = {
  readonly traceId: string
  part(name: LatencyPart, startedAt: number, endedAt: number): void
  upstream(facts: UpstreamFacts): { context: TraceContext; end(end: SpanEnd & { code?: number }): void }
  end(end: SpanEnd): void
}
export type Tracer = {
  begin(facts: RequestFacts, parent: TraceContext | null, startedAt: number): RequestSpan
}

/** What the broker notes of one request for its metrics and, when tracing is on, its trace: where the time went and how it ended. */
export class RequestTelemetry {
  /** The trace this request belongs to: the caller's, or one of our own when tracing is on. */
  readonly traceId: string | undefined
  readonly #metrics: BrokerMetrics
  readonly #facts: RequestFacts
  readonly #startedAt: number
  readonly #incoming: TraceContext | null
  readonly #span: RequestSpan | null
  readonly #milliseconds: Partial<Record<LatencyPart, number>> = {}
  #labels: CallLabels | undefined
  #refusal: string | null = null

  /** @param startedAt when the request arrived, @param parts what was done before it could be read */
  constructor(
    { metrics, tracer }: { metrics: BrokerMetrics; tracer: Tracer | null },
    facts: RequestFacts,
    came: { startedAt: number; admittedAt: number; meta: unknown; headers: IncomingHttpHeaders },
  ) {
    this.#metrics = metrics
    this.#facts = facts
    this.#startedAt = came.startedAt
    this.#incoming = readTraceContext(came.meta, came.headers)
    this.#span = tracer && tracer.begin(facts, this.#incoming, came.startedAt)
    this.traceId = this.#span?.traceId ?? this.#incoming?.traceId
    this.#add('auth', came.startedAt, came.admittedAt)
  }

  /** @param startedAt of the monotonic clock, in milliseconds; what is done twice is added up */
  took(part: LatencyPart, startedAt: number): void {
    this.#add(part, startedAt, performance.now())
  }

  /** How the call was decided and how it ended. A list of several servers is a call at each. */
  called(labels: Omit<CallLabels, 'agentClass'>): void {
    if (this.#labels && this.#labels.server !== labels.server) this.#metrics.called(this.#labels)
    this.#labels = { ...labels, agentClass: this.#facts.agentClass }
  }

  /** Refused for what the broker cannot do now. */
  refused(rule: string): void {
    this.#refusal = rule
    const { serverId, agentClass } = this.#facts
    this.#metrics.refused(rule, { server: serverId ?? '', agentClass })
  }

  /** What goes to the upstream with the request: the span of that exchange when tracing is on, else what the caller sent. */
  upstream(facts: UpstreamFacts): ReturnType<RequestSpan['upstream']> | { context: TraceContext | null; end?: never } {
    return this.#span ? this.#span.upstream(facts) : { context: this.#incoming }
  }

  /** The answer is ready. @param error what an exchange that is no call failed with */
  end(error: string | null = null): void {
    const labels = this.#labels
    this.#milliseconds.total = performance.now() - this.#startedAt
    const { serverId, agentClass, method } = this.#facts
    if (labels) this.#metrics.called(labels)
    this.#metrics.took(labels ?? { server: serverId ?? '', tool: method, agentClass }, this.#milliseconds)
    if (!this.#span) return
    const wentWell = labels === undefined || labels.outcome === 'ok'
    this.#span.end({ error: this.#refusal ?? error ?? (wentWell ? null : labels.outcome), labels })
  }

  #add(part: LatencyPart, startedAt: number, endedAt: number): void {
    this.#milliseconds[part] = (this.#milliseconds[part] ?? 0) + endedAt - startedAt
    this.#span?.part(part, startedAt, endedAt)
  }
}
