import { isDeepStrictEqual } from 'node:util'
import type { AccessGrant, AgentRow, AgentView } from '../schema.ts'
import type { FieldChange, GrantChange } from '../schema/history.ts'

/** What is told of an agent's entry, each under its name in the registry's YAML. Measurements are not: they change by themselves. */
const entryFields: [string, (agent: AgentView) => unknown][] = [
  ['name', (agent) => agent.name],
  ['purpose', (agent) => agent.purpose],
  ['owner', (agent) => agent.owner.id],
  ['accountable', (agent) => agent.accountable.name],
  ['accountable_active', (agent) => agent.accountable.active],
  ['tier', (agent) => agent.tier],
  ['status', (agent) => agent.status],
  ['status_reason', (agent) => agent.statusReason],
  ['template', (agent) => `${agent.template.id}@${agent.template.version}`],
  ['version', (agent) => agent.version],
  ['model', (agent) => agent.model],
  ['prompt', (agent) => agent.layer.prompt],
  ['parameters', (agent) => agent.layer.parameters],
  ['schedule', (agent) => agent.schedule],
  ['schedule_enabled', (agent) => agent.scheduleEnabled],
  ['monthly_budget', (agent) => agent.monthlyBudgetMicros],
  ['last_reviewed', (agent) => agent.lastReviewedAt],
  ['next_review', (agent) => agent.nextReviewAt],
]

const rowFields: [string, (row: AgentRow) => unknown][] = [
  ['name', (row) => row.name],
  ['purpose', (row) => row.purpose],
  ['owner', (row) => row.owner.id],
  ['accountable', (row) => row.accountable.name],
  ['accountable_active', (row) => row.accountable.active],
  ['tier', (row) => row.tier],
  ['status', (row) => row.status],
  ['template', (row) => `${row.template.id}@${row.template.version}`],
  ['version', (row) => row.version],
  ['model', (row) => row.model],
  ['schedule', (row) => row.schedule],
  ['last_reviewed', (row) => row.lastReviewedAt],
  ['next_review', (row) => row.nextReviewAt],
  ['scopes', (row) => row.scopes.map((chip) => `${chip.serverId} ${chip.toolName ?? chip.class}`)],
]

const grantFields: [string, (grant: AccessGrant) => unknown][] = [
  ['class', (grant) => grant.class],
  ['environment', (grant) => grant.environment],
  ['sensitivity', (grant) => grant.sensitivity],
  ['conditions', (grant) => grant.conditions],
  ['rate', (grant) => grant.rate],
  ['expires', (grant) => grant.expiresAt],
  ['tools', (grant) => grant.tools],
  ['unreached', (grant) => grant.unreached],
]

/** Pure: what differs between two states of an entry; a state that is missing has no value of any field. */
export function entryChanges(before: AgentView | null, after: AgentView | null): FieldChange[] {
  return fieldChanges(entryFields, before, after)
}

export function rowChanges(before: AgentRow, after: AgentRow): FieldChange[] {
  return fieldChanges(rowFields, before, after)
}

/** Pure: by id, in the order of servers. */
export function grantChanges(before: readonly AccessGrant[], after: readonly AccessGrant[]): GrantChange[] {
  const earlier = new Map(before.map((grant) => [grant.id, grant]))
  const later = new Map(after.map((grant) => [grant.id, grant]))
  const changes: GrantChange[] = []
  for (const grant of after) {
    const known = earlier.get(grant.id)
    const fields = known ? fieldChanges(grantFields, known, grant) : []
    if (!known) changes.push({ change: 'added', ...scopeOf(grant), fields })
    else if (fields.length > 0) changes.push({ change: 'changed', ...scopeOf(grant), fields })
  }
  for (const grant of before) {
    if (!later.has(grant.id)) changes.push({ change: 'removed', ...scopeOf(grant), fields: [] })
  }
  return changes.toSorted((a, b) => compare(a.serverId, b.serverId) || compare(a.grantId, b.grantId))
}

function scopeOf({ id, serverId, class: of, toolName }: AccessGrant) {
  return { grantId: id, serverId, class: of, toolName }
}

function fieldChanges<T>(fields: [string, (of: T) => unknown][], before: T | null, after: T | null): FieldChange[] {
  return fields.flatMap(([field, read]) => {
    const change = { field, before: before && read(before), after: after && read(after) }
    return isDeepStrictEqual(change.before ?? null, change.after ?? null) ? [] : [change]
  })
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
