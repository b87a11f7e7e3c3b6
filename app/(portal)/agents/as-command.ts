import { hrefWith } from '#lib/web/search.ts'
import type { CatalogAsked } from './catalog-query.ts'

/** The command line that lists what the catalog shows; a POSIX shell reads it as it stands. */
export function catalogCommand({ q, sort, order, asOf }: CatalogAsked): string {
  const options = [
    ...(sort === undefined ? [] : [`--sort ${sort}`]),
    ...(order === 'desc' ? ['--desc'] : []),
    ...(asOf === undefined ? [] : [`--as-of ${shellQuote(asOf)}`]),
  ]
  // What begins with a hyphen would be read as an option.
  const text = q ? [...(q.startsWith('-') ? ['--'] : []), shellQuote(q)] : []
  return ['npx wheelhouse agents list', ...options, ...text].join(' ')
}

/** The same list from the API. */
export function catalogApiPath(query: CatalogAsked): string {
  return hrefWith('/api/v1/agents', query)
}

function shellQuote(text: string): string {
  return /^[\w,.:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
