import { z } from 'zod'
import { manyLines, oneLine } from './words.ts'
import { timeText } from '#lib/core/instant.ts'

/** Where something unregistered was seen. */
export const unregisteredSources = ['claude', 'broker', 'token_endpoint', 'import'] as const
export type UnregisteredSource = (typeof unregisteredSources)[number]
export const unregisteredStates = ['open', 'dismissed', 'adopted', 'gone'] as const
export type UnregisteredState = (typeof unregisteredStates)[number]

/** What an import says of one: `key` tells it from others, the rest helps whoever decides. */
export const importedFinding = z.strictObject({
  key: oneLine(200).min(1),
  name: oneLine(100).min(1).optional(),
  /** An agent at Claude that it is. */
  claude_agent_id: oneLine(200).min(1).optional(),
  owner: oneLine(100).optional(),
  note: manyLines(1000).optional(),
  seen_at: timeText({ offset: true, error: 'Write a time such as 2026-11-20T08:00:00Z.' }).optional(),
})
export type ImportedFinding = z.infer<typeof importedFinding>

/** What an agent that was found at Claude is made of, as Claude says it. */
export type FoundDefinition = {
  description: string
  model: string
  system: string
  tools: string[]
  mcpServers: { name: string; url: string }[]
  skills: string[]
}

/** What a version goes on from: an agent at Claude as it was when it was adopted. */
export type VersionOrigin = {
  source: UnregisteredSource
  key: string
  name: string
  /** Of the agent at Claude; null where that is not known. */
  claudeVersion: number | null
  seenAt: string
  definition: FoundDefinition | null
}

/** Something was seen. `name` and `detail` are as it was seen; what is too long is cut. */
export type Sighting = {
  source: UnregisteredSource
  key: string
  name: string
  verified: boolean
  detail: Record<string, string>
  definition?: FoundDefinition
  count?: number
  at?: Date
}

/** What a listing of the agents at Claude says of each, and nobody else. */
export const listedDetails = ['version', 'claims_to_be'] as const

export type UnregisteredRow = {
  id: string
  source: UnregisteredSource
  key: string
  name: string
  /** Whether somebody we trust vouches for it; else it is what a caller claims. */
  verified: boolean
  detail: Record<string, string>
  firstSeenAt: string
  lastSeenAt: string
  count: number
  state: UnregisteredState
  reason: string | null
  decidedAt: string | null
  decidedByName: string | null
  agentId: string | null
}

/** What became of the prompt of what was adopted; `none`: there was none to carry. */
export type CarriedPrompt = 'carried' | 'extended' | 'replaced' | 'none'

/** A finding with what it is made of, where that is known. */
export type UnregisteredView = UnregisteredRow & { definition: FoundDefinition | null }

export const unregisteredQuery = z.strictObject({
  state: z.enum(unregisteredStates).default('open'),
  source: z.enum(unregisteredSources).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional(),
})
export type UnregisteredQuery = z.infer<typeof unregisteredQuery>
export type UnregisteredList = { items: UnregisteredRow[]; total: number; nextCursor: string | null }

export const dismissUnregisteredInput = z.strictObject({
  unregisteredId: z.uuid(),
  reason: oneLine(500).min(1, 'Say why, for whoever sees it next.'),
})
export type DismissUnregisteredInput = z.infer<typeof dismissUnregisteredInput>

/** What is wrong with an import, by the line of the file. */
export type ImportProblem = { line: number; message: string }
export type ImportOutcome = { rows: number; added: number; seenAgain: number }
