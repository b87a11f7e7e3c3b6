import type { Anthropic } from '@anthropic-ai/sdk'
import { fromJson } from '../json.ts'

export type SessionEvent = Anthropic.Beta.Sessions.BetaManagedAgentsSessionEvent
export type EventType = SessionEvent['type']
export type EventOf<T extends EventType> = Extract<SessionEvent, { type: T }>
type Without<E, K extends string> = E extends unknown ? Omit<E, K> : never

/** An event before it is written: the journal gives it its id and its time. */
export type Draft = Without<SessionEvent, 'id' | 'processed_at'>

/** What only the agent loop reads of its own events. */
export type Internal = {
  /** On `span.model_request_end`: what the model said, block for block, to send it back unchanged. */
  content?: Anthropic.ContentBlockParam[]
  stopReason?: Anthropic.StopReason | null
  stopDetails?: EventOf<'session.status_idle'>['stop_details']
  /** On a tool use: the model's own id of the call. */
  toolUseId?: string
  /** On an MCP tool use: it has been sent, so after a crash its outcome is unknown. */
  sent?: boolean
}

/** An event as it is stored. */
export type StoredEvent = {
  id: string
  seq: number
  type: string
  payload: unknown
  internal: unknown
  processedAt: Date | null
}

export function toEvent(stored: Omit<StoredEvent, 'seq' | 'internal'>): SessionEvent {
  return {
    ...fromJson<object>(stored.payload),
    id: stored.id,
    type: stored.type,
    processed_at: stored.processedAt?.toISOString() ?? null,
  } as SessionEvent
}

export function internalOf(stored: StoredEvent): Internal {
  return fromJson<Internal | null>(stored.internal) ?? {}
}
