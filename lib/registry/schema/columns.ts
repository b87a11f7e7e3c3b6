// Without zod, because the catalog page loads it.

export const catalogColumns = [
  'agent', 'owner', 'sponsor', 'status', 'tier', 'scopes', 'runs', 'cost', 'escalation', 'active', 'reviewed', 'next_review', 'template', 'model', 'created',
] as const // prettier-ignore
export type CatalogColumn = (typeof catalogColumns)[number]
export const defaultColumns: readonly CatalogColumn[] = [
  'agent', 'owner', 'status', 'scopes', 'runs', 'cost', 'escalation', 'reviewed', 'template',
] // prettier-ignore
