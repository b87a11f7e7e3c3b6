import { createHash } from 'node:crypto'
import { Bag } from '#lib/core/bag.ts'
import type { RpcId } from '../wire.ts'

/** Whose request it is: request ids are unique within a session of one agent's run only. */
export type RequestKey = { agentId: string; runId: string | null; session: string; id: RpcId }

/** `digest` once another replica has told of a cancellation: an id may be as long as its caller likes, and is read once. */
type Cancellable = { key: RequestKey; controller: AbortController; digest: string | null }

/**
 * Requests of the sessions before 2026-07-28 that run at this replica, so that `notifications/cancelled` finds the one it means. A cancellation that arrives at another
 * replica than its request is told to all of them, once: who does not hear of it carries the request on.
 */
export class Cancellations {
  readonly #requests = new Bag<Cancellable>()
  readonly #broadcast: (digest: string) => void

  /** @param broadcast hands the digest to `cancelDigest` of every replica */
  constructor(broadcast: (digest: string) => void) {
    this.#broadcast = broadcast
  }

  /** Call `end` when the request is answered. */
  begin(key: RequestKey): { gone: AbortSignal; end: () => void } {
    const controller = new AbortController()
    const place = this.#requests.add({ key, controller, digest: null })
    return { gone: controller.signal, end: () => void this.#requests.remove(place) }
  }

  /** Whether the request is here. Of one that has ended already, or of somebody else's, nothing happens. Seldom, so looking through all requests is cheap enough. */
  cancel(key: RequestKey): boolean {
    const meant = this.#requests.values().filter((request) => isSame(request.key, key))
    for (const { controller } of meant) controller.abort()
    return meant.length > 0
  }

  /** A digest, because a request's id may be as long as its caller likes. */
  tellOthers(key: RequestKey): void {
    this.#broadcast(digestOf(nameOf(key)))
  }

  /** Told by another replica. */
  cancelDigest(digest: string): void {
    for (const request of this.#requests.values()) {
      request.digest ??= digestOf(nameOf(request.key))
      if (request.digest === digest) request.controller.abort()
    }
  }
}

/** The id of the request that a body cancels; undefined for any other body. */
export function cancelledId(body: unknown): RpcId | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { method, params } = body as { method?: unknown; params?: unknown }
  if (method !== 'notifications/cancelled' || typeof params !== 'object' || params === null) return undefined
  const { requestId } = params as { requestId?: unknown }
  return typeof requestId === 'string' || typeof requestId === 'number' ? requestId : undefined
}

function isSame(one: RequestKey, other: RequestKey): boolean {
  return (
    one.id === other.id && one.session === other.session && one.agentId === other.agentId && one.runId === other.runId
  )
}

function nameOf({ agentId, runId, session, id }: RequestKey): string {
  return JSON.stringify([agentId, runId, session, id])
}

function digestOf(name: string): string {
  return createHash('sha256').update(name).digest('base64url')
}
