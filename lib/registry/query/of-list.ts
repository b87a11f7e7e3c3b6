import { DomainError } from '#lib/core/errors.ts'
import type { AgentListQuery } from '../schema.ts'
import type { AgentQuery, QueryError } from './ast.ts'
import { isAccessKey, type QueryKey } from './keys.ts'
import { parseAgentQuery, parseTerm } from './parse.ts'

/** The parameters beside `q` that spell out a qualifier each. */
export const filterKeys = [
  'can', 'env', 'data', 'server', 'tool', 'owner', 'status', 'tier', 'template', 'drift', 'overdue', 'model', 'sponsor', 'orphaned',
] as const satisfies readonly QueryKey[] // prettier-ignore

/** Query text and single parameters together. Throws `invalid` with `field`, `column` and `suggestion`. */
export function queryOf(list: Pick<AgentListQuery, 'q' | (typeof filterKeys)[number]>): AgentQuery {
  const parsed = parseAgentQuery(list.q)
  if (!parsed.ok) throw badQuery('q', parsed.error)
  const items = [...parsed.value.items]
  for (const key of filterKeys) {
    const value = list[key]
    if (value === undefined) continue
    const term = parseTerm(key, value)
    if (!term.ok) throw badQuery(key, term.error)
    if (isAccessKey(key) && items.some((item) => item.kind === 'term' && item.key === key)) {
      throw badQuery(key, {
        message: `${key}: is given twice, in the query and beside it.`,
        column: 1,
        suggestion: null,
      })
    }
    items.push(term.value)
  }
  return { kind: 'and', items }
}

function badQuery(field: string, error: QueryError): DomainError {
  const hint = error.suggestion ? ` Did you mean "${error.suggestion}"?` : ''
  return new DomainError('invalid', `${error.message}${hint}`, {
    field,
    column: error.column,
    suggestion: error.suggestion,
    rule: 'registry:query',
  })
}
