import type { AgentQuery, QueryNode, Term } from './ast.ts'
import type { QueryKey } from './keys.ts'
import { parseValue, printValue } from './values.ts'

/** The values that a query's own term of a key asks for; none: it does not ask. Terms in groups are not its own. */
export function askedValues(query: AgentQuery, key: QueryKey): string[] {
  return ownTerms(query, key).flatMap((term) => term.values.map((value) => printValue(key, value)))
}

/** The query without its own terms of a key. */
export function withoutKey(query: AgentQuery, key: QueryKey): AgentQuery {
  return { kind: 'and', items: query.items.filter((item) => !isOwn(item, key)) }
}

/** The query with one value of a key switched on or off; other values of the key stay alternatives. */
export function toggleValue(query: AgentQuery, key: QueryKey, text: string): AgentQuery {
  const parsed = parseValue(key, text.toLowerCase())
  if (!parsed.ok) return query
  const written = printValue(key, parsed.value)
  const values = ownTerms(query, key).flatMap((term) => term.values)
  const rest = values.filter((value) => printValue(key, value) !== written)
  const next = rest.length < values.length ? rest : [...values, parsed.value]
  const at = query.items.findIndex((item) => isOwn(item, key))
  const items = query.items.filter((item) => !isOwn(item, key))
  if (next.length > 0) items.splice(at < 0 ? items.length : at, 0, { kind: 'term', key, values: next })
  return { kind: 'and', items }
}

function ownTerms(query: AgentQuery, key: QueryKey): Term[] {
  return query.items.filter((item): item is Term => isOwn(item, key))
}

function isOwn(item: QueryNode, key: QueryKey): boolean {
  return item.kind === 'term' && item.key === key
}
