import { z } from 'zod'
import type { PersonRef } from '../schema.ts'

/** The facts by which controls are chosen, and of which a lower one waits for a second person. */
export const loosenedFacts = ['environment', 'sensitivity', 'data_class', 'tool_class'] as const
export type LoosenedFact = (typeof loosenedFacts)[number]

export const looseningInput = z.strictObject({ looseningId: z.uuid() })
export type LooseningInput = z.infer<typeof looseningInput>

/** What is proposed and waits for a second person; until then what was before counts. */
export type LooseningView = {
  id: string
  server: { id: string; name: string }
  /** null: it is of the server. */
  tool: string | null
  what: LoosenedFact
  before: string
  /** null: the kind of data is not named any more. */
  after: string | null
  reason: string | null
  proposedBy: PersonRef
  proposedAt: string
  /** When it waits no more. */
  until: string
}

/** In words: what would be of what, for lists and buttons. */
export function looseningText({
  tool,
  what,
  before,
  after,
}: Pick<LooseningView, 'tool' | 'what' | 'before' | 'after'>): string {
  if (what === 'data_class') return `no ${before.replaceAll('_', ' ')} data`
  if (what === 'tool_class') return `${tool ?? 'a tool'} is ${after} instead of ${before}`
  return `${what} ${after} instead of ${before}`
}
