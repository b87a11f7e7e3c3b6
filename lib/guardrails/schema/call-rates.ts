import { z } from 'zod'
import { oneLine } from '#lib/registry/schema.ts'

/** How often an agent may call at all brokers together, four seconds' worth at once; null: as often as any other. */
export const limitAgentCallsInput = z.strictObject({
  agentId: z.string().max(100),
  callsPerSecond: z.int().min(1).max(1000).nullable(),
  reason: oneLine(500).min(3, 'Say why: the owner and the audit log keep it.'),
})
export type LimitAgentCallsInput = z.infer<typeof limitAgentCallsInput>

export type AgentCallRate = { callsPerSecond: number | null }
