import { askedValues, withoutKey } from '../query/edit.ts'
import type { AgentQuery } from '../query/ast.ts'
import { type AccessKey, isAccessKey, specOf } from '../query/keys.ts'
import type { FacetKey, FacetValue } from '../schema/catalog.ts'
import { capabilities, grantName } from '../schema/capabilities.ts'
import { agentStatuses, environments, tiers, toolClasses } from '../schema.ts'
import { type Bitmap, countBits, countBoth } from './bitmap.ts'
import { driftOf } from './drift.ts'
import { accessTestOf, evaluate, orphanedSlots, overdueSlots, type Parts } from './evaluate.ts'
import type { FleetIndex } from './fleet-index.ts'

/**
 * Counts by value among the agents that the rest of a query leaves; a key's own term is left out, so that another value can be picked.
 * Most frequent first, then by value; values nobody has are left out, except those of a short fixed list.
 */
export function facetOf(
  index: FleetIndex,
  key: FacetKey | 'tool',
  about: { query: AgentQuery; now: Date; found: Bitmap; parts?: Parts },
): FacetValue[] {
  const { query, now } = about
  const asked = askedValues(query, key)
  const rest = asked.length > 0 ? withoutKey(query, key) : query
  // Without a term of its own the facet counts what the whole query found; of all agents, what is known of each value.
  const found = asked.length > 0 ? evaluate(index, rest, about) : about.found
  const among = rest.items.length === 0 ? null : { found, size: countBits(found) }
  if (isAccessKey(key)) return accessFacet(index, { key, among, query })
  const counts = new Map<string, number>()
  const add = (value: string, count: number): void => {
    if (count > 0) counts.set(value, (counts.get(value) ?? 0) + count)
  }
  if (key === 'drift') {
    for (const [version, count] of index.counts('version', among)) {
      const at = version.lastIndexOf('@')
      add(driftOf(version.slice(at + 1), index.facts.templates.get(version.slice(0, at))?.latest ?? null), count)
    }
  } else if (key === 'overdue' || key === 'orphaned') {
    const count = countBoth(key === 'overdue' ? overdueSlots(index, now.getTime()) : orphanedSlots(index), found)
    add('yes', count)
    add('no', (among?.size ?? index.size) - count)
  } else {
    for (const [value, count] of index.counts(dimensionOf[key], among)) add(value, count)
  }
  for (const value of fixed[key] ?? []) if (!counts.has(value)) counts.set(value, 0)
  return sorted([...counts].map(([value, count]) => ({ value, label: labelOf(index, key, value), count })))
}

const dimensionOf = { status: 'status', tier: 'tier', owner: 'owner', template: 'template', model: 'model' } as const
const fixed: Partial<Record<FacetKey | AccessKey, readonly string[]>> = {
  can: toolClasses,
  env: environments,
  status: agentStatuses,
  tier: tiers,
}

/** The rest of a test of access holds for the same tool, so each value is asked for together with it. */
function accessFacet(
  index: FleetIndex,
  about: { key: AccessKey; among: { found: Bitmap } | null; query: AgentQuery },
): FacetValue[] {
  const { key, among, query } = about
  const rest = accessTestOf(withoutKey(query, key).items).test ?? {}
  return sorted(
    accessValues(index, key).flatMap(({ value, label }) => {
      const access = index.access({ ...rest, [key]: [value] })
      const count = among ? countBoth(access.found, among.found) : access.size
      return count > 0 || fixed[key] ? [{ value, label, count }] : []
    }),
  )
}

/** What can be asked of a tool: the values that exist. */
export function accessValues(index: FleetIndex, key: AccessKey): { value: string; label: string }[] {
  const spec = specOf(key)
  if (spec.kind === 'choice') return spec.values.map((value) => ({ value, label: value }))
  const servers = [...index.facts.servers.values()]
  if (key === 'server') return servers.map(({ id, name }) => ({ value: id, label: name }))
  const names = new Set(servers.flatMap(({ tools }) => tools.map(({ name }) => name.toLowerCase())))
  return [
    ...[...names].map((value) => ({ value, label: value })),
    ...capabilities.map((one) => ({ value: grantName(one).toLowerCase(), label: one.title })),
  ]
}

function labelOf(index: FleetIndex, key: FacetKey, value: string): string {
  if (key === 'owner') return index.facts.teams.get(value)?.name ?? value
  if (key === 'template') return index.facts.templates.get(value)?.name ?? value
  return value
}

function sorted(values: FacetValue[]): FacetValue[] {
  return values.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
}
