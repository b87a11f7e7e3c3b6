import type { z } from 'zod'
import { storableText } from '#lib/core/storable.ts'

export type SearchParams = Promise<Record<string, string | string[] | undefined>>

/**
 * Reads a page's search parameters with a query's schema. Empty values count as absent (a form sends them), unknown and wrong ones are
 * left out: a link that has aged still opens, with what is understood of it.
 */
export async function parseSearch<S extends z.ZodType>(schema: S, params: SearchParams): Promise<z.output<S>> {
  const given = Object.entries(await params).filter(
    ([, value]) => value !== undefined && value !== '' && [value].flat().every((text) => storableText(text) === text),
  )
  const whole = schema.safeParse(Object.fromEntries(given))
  if (whole.success) return whole.data
  const understood = given.filter(([key, value]) => schema.safeParse({ [key]: value }).success)
  const rest = schema.safeParse(Object.fromEntries(understood))
  return rest.success ? rest.data : schema.parse({})
}

type Parameter = string | number | boolean | bigint | null | undefined

/** A link with these parameters; absent ones are left out. */
export function hrefWith(path: string, query: Record<string, Parameter>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(key, String(value))
  }
  const text = search.toString()
  return text ? `${path}?${text}` : path
}
