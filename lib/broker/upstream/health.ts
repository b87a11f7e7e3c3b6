import type { Ctx } from '#lib/auth/ctx.ts'
import type { Log } from '#lib/log/log.ts'
import { recordServerHealth } from '#lib/registry/commands.ts'
import { unavailableServers } from '#lib/registry/queries.ts'
import { CallEnded } from '../in-flight.ts'
import type { Limits } from '../limits.ts'
import { Circuit, type CircuitError, type CircuitReport } from './circuit.ts'
import { CredentialFailure } from './credential.ts'
import { CutOff, UpstreamFailure } from './failure.ts'

type Watched = { readonly call: object; readonly signal: AbortSignal }
/** What was to be done needed nothing of the server: it says nothing of how that is. */
export const unasked = Symbol('unasked')

type Parts = { limits: Limits; ctx: () => Ctx; instance: string; log: Log }

/** The circuits of all upstreams by server, and what the registry is told of them: only what changes. */
export class UpstreamHealth {
  readonly #parts: Parts
  readonly #circuits = new Map<string, { url: string; circuit: Circuit }>()
  /** Servers that the registry was told last are unavailable, also by this broker before it was started anew. */
  readonly #toldOpen = new Set<string>()
  /** What the registry has not been told yet, by server; written one after the other. */
  readonly #untold = new Map<string, CircuitReport>()
  #telling: Promise<void> | null = null
  #retry: NodeJS.Timeout | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Learns what it has said before: whoever was told of an outage is told of its end, too. */
  async start(): Promise<void> {
    const { ctx, instance: broker, log } = this.#parts
    try {
      for (const serverId of await unavailableServers(ctx(), { broker })) this.#toldOpen.add(serverId)
    } catch (error) {
      log.warn({ err: error }, 'it is not known which servers were unavailable before')
    }
  }

  /** A server with another address begins anew. */
  circuitOf(server: { id: string; url: string }): Circuit {
    const held = this.#circuits.get(server.id)
    if (held?.url === server.url) return held.circuit
    const { limits, ctx } = this.#parts
    const onChange = (report: CircuitReport): void => {
      if (report.state === 'open') this.#toldOpen.add(server.id)
      else this.#toldOpen.delete(server.id)
      this.#untold.set(server.id, report)
      this.#tell()
    }
    const isToldOpen = this.#toldOpen.has(server.id)
    const circuit = new Circuit({ limits, now: () => ctx().now, isToldOpen, onChange })
    this.#circuits.set(server.id, { url: server.url, circuit })
    return circuit
  }

  /** Sends what was admitted as `call`, and learns from its end, unless that is `unasked`. */
  async watch<T>(circuit: Circuit, { call, signal }: Watched, work: () => Promise<T>): Promise<T> {
    try {
      const reply = await work()
      if (reply === unasked) circuit.released(call)
      else circuit.succeeded()
      return reply
    } catch (error) {
      const failure = failureOf(error, signal)
      if (failure === 'alive') circuit.succeeded()
      else if (failure) circuit.failed(failure, call)
      else circuit.released(call)
      throw error
    }
  }

  /** Of servers that are called: what one was like before it was disabled or removed says nothing of now. */
  all(servers: ReadonlyMap<string, { enabled: boolean }>): { serverId: string; circuit: Circuit }[] {
    const called = [...this.#circuits].filter(([serverId]) => servers.get(serverId)?.enabled)
    return called.map(([serverId, { circuit }]) => ({ serverId, circuit }))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#retry)
    await this.#telling
  }

  #tell(): void {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = null
    })
  }

  async #tellAll(): Promise<void> {
    const { ctx, instance, log } = this.#parts
    for (let next = first(this.#untold); next; next = first(this.#untold)) {
      const [serverId, report] = next
      try {
        await recordServerHealth(ctx(), {
          serverId,
          broker: instance,
          state: report.state,
          failures: report.failures,
          lastError: report.lastError?.message ?? null,
          retryAt: report.retryAt,
        })
        if (this.#untold.get(serverId) === report) this.#untold.delete(serverId)
      } catch (error) {
        log.warn({ err: error, server: serverId }, 'the health of a server could not be recorded')
        clearTimeout(this.#retry)
        this.#retry = setTimeout(() => this.#tell(), retryMs).unref()
        return
      }
    }
  }
}

const retryMs = 3000

/** What a failed request says of its upstream: an error, that it lives (its answer was only too much), or nothing. */
function failureOf(error: unknown, signal: AbortSignal): CircuitError | 'alive' | null {
  // What the broker has to show says nothing of the server; other teams may have something else to show.
  if (error instanceof CredentialFailure) return null
  if (error instanceof UpstreamFailure) {
    const isAlive = ['too_large', 'too_deep', 'session_gone'].includes(error.kind) || error instanceof CutOff
    return isAlive ? 'alive' : { kind: error.kind, message: error.message }
  }
  const { reason } = signal
  const late = reason instanceof CallEnded ? reason.denial?.rule === 'upstream_deadline' : isTimeout(reason)
  return signal.aborted && late ? { kind: 'deadline', message: 'it did not answer in time' } : null
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError'
}

function first<K, V>(map: ReadonlyMap<K, V>): [K, V] | undefined {
  const entry = map.entries().next()
  return entry.done ? undefined : entry.value
}
