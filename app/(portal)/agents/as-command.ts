import type { AgentListQuery } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'

/** The command line that lists what the catalog shows; a POSIX shell reads it as it stands. */
export function catalogCommand({ q, ...filters }: Partial<AgentListQuery>): string {
  const options = Object.entries(filters).map(
    ([key, value]) => `--${key === 'asOf' ? 'as-of' : key} ${shellQuote(String(value))}`,
  )
  // What begins with a hyphen would be read as an option.
  const text = q ? [...(q.startsWith('-') ? ['--'] : []), shellQuote(q)] : []
  return ['npx wheelhouse agents list', ...options, ...text].join(' ')
}

/** The same list from the API. */
export function catalogApiPath(query: Partial<AgentListQuery>): string {
  return hrefWith('/api/v1/agents', query)
}

function shellQuote(text: string): string {
  return /^[\w,.:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
