import { z } from 'zod'

/** Ids that people type: lower-case letters, digits and single hyphens, 2 to 63 characters, beginning with a letter (as a DNS label, RFC 1123). */
export const slug = z
  .string()
  .regex(/^[a-z](?:-?[a-z0-9])+$/, 'Use lower-case letters, digits and single hyphens, beginning with a letter.')
  .max(63, 'Use at most 63 characters.')

/** Addresses of the portal and the API that stand where an agent's id would (`/agents/new`, `POST /api/v1/agents/apply`). */
export const reservedAgentIds: readonly string[] = [
  'new',
  'apply',
  'export',
  'facets',
  'complete',
  'bulk',
  'views',
  'diff',
  'explain',
  'unregistered',
  'csv',
]

/** The id of an agent: a slug that no address of the portal or the API hides. */
export const agentSlug = slug.refine((id) => !reservedAgentIds.includes(id), {
  error: ({ input }) => `"${String(input)}" is taken by an address of Wheelhouse. Choose another id.`,
})

/** The registry itself answers at `/mcp/registry`; the database refuses a server of that id, too. */
export const reservedServerIds: readonly string[] = [
  'new',
  'import',
  'packages',
  'probes',
  'reviews',
  'loosenings',
  'registry',
]

/** The id of an MCP server: a slug that no address of the portal, the API or the broker hides. */
export const serverSlug = slug.refine((id) => !reservedServerIds.includes(id), {
  error: ({ input }) => `"${String(input)}" is taken by an address of Wheelhouse. Choose another id.`,
})

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
