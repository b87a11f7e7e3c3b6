import { z } from 'zod'
import type { AgentStatus } from '../schema.ts'

export const similarAgentsQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(50).default(10) })

/** An agent that does much the same as another one. Shares are 0 to 1. */
export type SimilarAgent = {
  id: string
  name: string
  purpose: string
  owner: { id: string; name: string }
  status: AgentStatus
  sameTemplate: boolean
  /** Kinds of grant that both hold, of those that either holds. */
  scopes: { shared: number; of: number }
  /** Words that both purposes have, of those that either has. */
  purposeAlike: number
  /** Half scopes, two fifths purpose, one tenth template. */
  score: number
}
