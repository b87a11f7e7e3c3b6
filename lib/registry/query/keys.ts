import { agentStatuses, dataClasses, environments, tiers, toolClasses } from '../schema.ts'

const drifts = ['any', 'none', 'major', 'minor', 'patch'] as const

/** What a key's values are. `access` keys side by side describe one and the same tool that the agent reaches; `measured` ones are about the figures of 30 days. */
export type KeySpec = { says: string; access?: true; measured?: true } & (
  | { kind: 'choice'; values: readonly string[] }
  | { kind: 'name' | 'template' }
  | { kind: 'number' | 'days' | 'date' }
)

/** Every qualifier of the catalog's query language. */
export const queryKeys = {
  can: { kind: 'choice', values: toolClasses, access: true, says: 'reaches a tool of at least this class' },
  env: { kind: 'choice', values: environments, access: true, says: 'reaches a server of this environment' },
  data: { kind: 'choice', values: dataClasses, access: true, says: 'reaches a server with this kind of data' },
  server: { kind: 'name', access: true, says: 'reaches this MCP server' },
  tool: { kind: 'name', access: true, says: 'reaches this tool' },
  owner: { kind: 'name', says: 'is owned by this team' },
  status: { kind: 'choice', values: agentStatuses, says: 'has this status' },
  tier: { kind: 'choice', values: tiers, says: 'has this risk tier' },
  template: { kind: 'template', says: 'is made from this template, of a version: id@1.2.0, id@<2.0' },
  drift: { kind: 'choice', values: drifts, says: 'is behind the newest version of its template' },
  reviewed: { kind: 'date', says: 'was last reviewed then, or never' },
  overdue: { kind: 'choice', values: ['yes', 'no'], says: 'its next review is past' },
  runs: { kind: 'number', measured: true, says: 'runs in 30 days' },
  cost: { kind: 'number', measured: true, says: 'cost in 30 days, in dollars' },
  escalation: { kind: 'number', measured: true, says: 'share of runs with an escalation, 0 to 1' },
  idle: { kind: 'days', measured: true, says: 'days since its last run, or since it was registered' },
  model: { kind: 'name', says: 'runs on this model, or on one whose name contains this' },
  orphaned: { kind: 'choice', values: ['yes', 'no'], says: 'nobody who can sign in answers for it' },
  sponsor: { kind: 'name', says: 'this person is accountable for it; none: nobody who can sign in' },
} as const satisfies Record<string, KeySpec>

export type QueryKey = keyof typeof queryKeys
export type AccessKey = 'can' | 'env' | 'data' | 'server' | 'tool'

export function isQueryKey(key: string): key is QueryKey {
  return Object.hasOwn(queryKeys, key)
}

export function specOf(key: QueryKey): KeySpec {
  return queryKeys[key]
}

export function isAccessKey(key: QueryKey): key is AccessKey {
  return specOf(key).access === true
}
