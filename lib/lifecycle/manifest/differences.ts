import { canonicalJson } from '#lib/core/canonical-json.ts'
import { formatMicros } from '#lib/core/money.ts'
import type { ManifestChange } from '../schema.ts'
import { limitKey } from '#lib/registry/schema/conditions.ts'
import { type ManifestFields, type ManifestScope, sortScopes } from './document.ts'

/** How a field is called in the file, where it is called otherwise. */
export const keyNames: Partial<Record<keyof ManifestFields, string>> = {
  scopes: 'mcp_scopes',
  scheduleEnabled: 'schedule_enabled',
  monthlyBudgetMicros: 'monthly_budget_usd',
  lastReviewed: 'last_reviewed',
  monthlyRuns: 'monthly_runs',
  escalationRate: 'escalation_rate',
}

/** Fields that a manifest can change, in the order of the file. */
const compared = [
  'name',
  'owner',
  'accountable',
  'purpose',
  'tier',
  'template',
  'parameters',
  'prompt',
  'scopes',
  'schedule',
  'scheduleEnabled',
  'monthlyBudgetMicros',
  'status',
] as const

/** What a manifest says otherwise than the registry, field by field. A status that provisioning passes through is no difference. */
export function differences(now: ManifestFields, wanted: ManifestFields): ManifestChange['fields'] {
  return compared.flatMap((key) => {
    const [before, after] = [shown(now[key]), shown(wanted[key])]
    const passing = key === 'status' && [before, after].every((text) => text === 'active' || text === 'provisioning')
    return before === after || passing ? [] : [{ field: keyNames[key] ?? key, before, after }]
  })
}

/** A value as text: scopes one a line, so that they can be compared line by line. */
export function shown(value: ManifestFields[keyof ManifestFields] | undefined): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return formatMicros(value)
  if (Array.isArray(value)) return sortScopes(value).map(scopeLine).join('\n')
  return typeof value === 'object' ? canonicalJson(value) : String(value)
}

function scopeLine(scope: ManifestScope): string {
  const { serverId, class: toolClass, toolName, until } = scope
  const limits = scope.conditions.length > 0 || scope.rate !== null ? ` with ${limitKey(scope)}` : ''
  return `${serverId}: ${toolClass}${toolName === null ? '' : ` ${toolName}`}${until === null ? '' : ` until ${until}`}${limits}`
}
