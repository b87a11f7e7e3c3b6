import { randomUUID } from 'node:crypto'
import type { Ask } from './asks.ts'

/** A page to open has an id of its own up to 2025-11-25. */
export function inSession(ask: Ask): Ask {
  const params = (ask.params ?? {}) as Record<string, unknown>
  return params['mode'] === 'url' ? { ...ask, params: { elicitationId: randomUUID(), ...params } } : ask
}
