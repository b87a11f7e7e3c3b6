import type { Actor } from '#lib/auth/ctx.ts'
import type { BrokerLimits } from '#lib/guardrails/rules/request-limits.ts'
import type { Denial } from '#lib/guardrails/schema.ts'

export const registryPath = '/mcp/registry'

// What goes between the broker's thread and the one that answers people's questions: plain values.

export type AskedRequest = { url: string; method: string; headers: Record<string, string>; text: string | null }

/** `denial`: why somebody was refused, and `person` who, if that is known: for the record of strangers. */
export type GivenAnswer = {
  status: number
  headers: Record<string, string>
  body: string
  denial?: Denial
  person?: Actor
}

export type ThreadSettings = {
  databaseUrl: string
  logLevel: string
  /** Whether tokens of demo people count. */
  demoPeople: boolean
  brokerUrl: string
  portalUrl: string
  limits: BrokerLimits
}

export type ToThread = { id: number; request: AskedRequest } | 'close'
export type FromThread = { id: number; answer: GivenAnswer }
