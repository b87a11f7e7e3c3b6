import type { Anthropic } from '@anthropic-ai/sdk'

type StreamEvent = Anthropic.Beta.Sessions.BetaManagedAgentsStreamSessionEvents
type Listener = (event: StreamEvent) => void

/** Carries a session's events to the connections that follow it. It keeps nothing: there is no replay. */
export type EventBus = {
  publish(sessionId: string, event: StreamEvent): void
  /** Returns the function that ends the subscription. */
  subscribe(sessionId: string, listener: Listener): () => void
  hasListeners(sessionId: string): boolean
}

export function createEventBus(): EventBus {
  const listeners = new Map<string, Set<Listener>>()
  return {
    publish(sessionId, event) {
      for (const listener of listeners.get(sessionId) ?? []) listener(event)
    },
    subscribe(sessionId, listener) {
      const own = listeners.get(sessionId) ?? new Set()
      listeners.set(sessionId, own.add(listener))
      return () => {
        own.delete(listener)
        if (own.size === 0) listeners.delete(sessionId)
      }
    },
    hasListeners: (sessionId) => listeners.has(sessionId),
  }
}
