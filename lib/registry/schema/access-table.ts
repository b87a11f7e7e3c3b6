/**
 * What a policy can look at that is true of an agent and a tool for longer than a call. Of names (`team`, `template`, `agent`, `server`, `tool`) the empty one stands for all that the
 * policy does not name.
 */
export const accessDimensions = [
  'tier', 'team', 'template', 'agent', 'class', 'environment', 'sensitivity', 'demo', 'breakGlass', 'server', 'tool',
] as const // prettier-ignore
export type AccessDimension = (typeof accessDimensions)[number]

/** Where one policy applies: `looksAt` are the facts it depends on with the values that differ to it, `applies` the combinations, as positions of values joined by commas. */
export type PolicyReach = {
  id: string
  looksAt: { dimension: AccessDimension; values: string[] }[]
  applies: string[]
}

/** A set of policies as a table: a tool is out of reach where one forbids it, or none permits to see it or none to call it. */
export type AccessTable = { forbids: PolicyReach[]; permits: { list: PolicyReach[]; call: PolicyReach[] } }

/** How the table is made: one that was made otherwise is not read. */
export const accessTableFormat = 2
