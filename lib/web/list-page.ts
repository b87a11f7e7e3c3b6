import type { z } from 'zod'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { readSearch, type SearchParams } from './search.ts'

/** `lost`: where the page begins could not be read, so this is the first one. */
type ListPage<Q, L> = { query: Q; list: L; lost: boolean }

/**
 * Reads the parameters of a list with its schema, and the page of it that they ask for. A place in the list (`place`) that nobody can read,
 * the schema or the query, is that of the first page: it narrows nothing. Any other parameter that cannot be read is why nothing is shown.
 */
export async function readListPage<S extends z.ZodType<Record<string, unknown>>, L>(
  schema: S,
  params: SearchParams,
  { list, place = 'cursor' }: { list: (query: z.output<S>) => Promise<L>; place?: string },
): Promise<Result<ListPage<z.output<S>, L>, string>> {
  const first = await readSearch(schema, without(params, place))
  if (!first.ok) return first
  const asked = await readSearch(schema, params)
  const found = asked.ok ? await list(asked.value).catch(nothingAt(place, asked.value)) : null
  if (asked.ok && found !== null) return ok({ query: asked.value, list: found, lost: false })
  return ok({ query: first.value, list: await list(first.value), lost: true })
}

async function without(params: SearchParams, place: string): SearchParams {
  return { ...(await params), [place]: undefined }
}

/** null for a place that a query refuses; every other failure stays one. */
function nothingAt(place: string, query: Record<string, unknown>): (error: unknown) => null {
  return (error) => {
    const field = error instanceof DomainError ? error.details['field'] : undefined
    if (query[place] !== undefined && (field === 'cursor' || field === place)) return null
    throw error
  }
}
