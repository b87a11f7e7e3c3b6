import { z } from 'zod'

/** Ids that people type: lower-case letters, digits and single hyphens, 2 to 63 characters, beginning with a letter (as a DNS label, RFC 1123). */
export const slug = z
  .string()
  .regex(/^[a-z](?:-?[a-z0-9])+$/, 'Use lower-case letters, digits and single hyphens, beginning with a letter.')
  .max(63, 'Use at most 63 characters.')

/** Turns a name into an id candidate: `Invoice Reconciler!` becomes `invoice-reconciler`; an empty string if nothing usable is left. */
export function slugify(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/g, '')
}
