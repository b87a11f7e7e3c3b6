import type { z } from 'zod'
import '#lib/core/input-words.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { storableText, unstorable } from '#lib/core/storable.ts'

export type SearchParams = Promise<Record<string, string | string[] | undefined>>

/**
 * Reads the parameters that narrow what a page shows, with a query's schema: the query, or why it cannot be read. A filter left out would
 * show more than was asked for, and what is done with all that is shown would reach further. Empty values count as absent (a form sends
 * them); what the schema has no name for says nothing.
 */
export async function readSearch<S extends z.ZodType>(
  schema: S,
  params: SearchParams,
): Promise<Result<z.output<S>, string>> {
  const all = Object.entries(await params).filter(([, value]) => value !== undefined && value !== '')
  const unnamed = new Set(namesUnknownTo(schema, Object.fromEntries(all)))
  const given = Object.fromEntries(all.filter(([name]) => !unnamed.has(name)))
  const odd = unstorable(given)
  if (odd) return err(sentence(odd.path[0], odd.message))
  const read = schema.safeParse(given)
  if (read.success) return ok(read.data)
  return err([...new Set(read.error.issues.map((issue) => sentence(issue.path[0], issue.message)))].join(' '))
}

/**
 * Reads the parameters that say only how something is shown (a period, a place in a list). Empty values count as absent, unknown and wrong
 * ones are left out: a link that has aged still opens, with what is understood of it. What narrows a list goes through `readSearch`.
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

function namesUnknownTo(schema: z.ZodType, given: Record<string, unknown>): readonly string[] {
  const issues = schema.safeParse(given).error?.issues ?? []
  return issues.flatMap((issue) => (issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : []))
}

function sentence(name: PropertyKey | undefined, words: string): string {
  const ended = /[.!?]$/.test(words) ? words : `${words}.`
  return name === undefined ? ended : `“${String(name)}” cannot be read. ${ended}`
}
