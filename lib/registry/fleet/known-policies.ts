import { DomainError } from '#lib/core/errors.ts'
import { asksAboutReach } from '../query/asked-keys.ts'
import type { AgentQuery } from '../query/ast.ts'
import type { FleetIndex } from './fleet-index.ts'

/**
 * A fleet as it was that can answer the query. Throws `invalid` where it asks about reach and it is not known what the central policies of then kept out of reach: an empty answer
 * would say that nobody could reach anything.
 */
export function answering(index: FleetIndex, { query, at }: { query: AgentQuery; at: Date }): FleetIndex {
  if (index.facts.guardrails.known || !query.items.some(asksAboutReach)) return index
  const message = `It is not known which central policies were enforced at ${at.toISOString()}, or what they kept out of reach: leave out can:, env:, data:, server: and tool:, or ask about another instant.`
  throw new DomainError('invalid', message, { rule: 'history:policies' })
}
