import { z } from 'zod'
import { invalid } from './errors.ts'

const key = z.string().min(1).max(64)
const value = z.string().max(512)

/** At most 16 pairs, keys up to 64 and values up to 512 characters. */
export const metadata = z.record(key, value).refine((bag) => Object.keys(bag).length <= 16, 'At most 16 pairs.')

/** A string sets a key, null removes it. */
export const metadataPatch = z.record(key, value.nullable())

export function patchMetadata(
  current: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>> | null | undefined,
): Record<string, string> {
  const next: Record<string, string> = { ...current }
  for (const [name, text] of Object.entries(patch ?? {})) {
    if (text === null) delete next[name]
    else next[name] = text
  }
  if (Object.keys(next).length > 16) throw invalid('metadata: at most 16 pairs.', { error_code: 'invalid_metadata' })
  return next
}
