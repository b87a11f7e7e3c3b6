import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { type Bitmap, countBits, countBoth } from '../fleet/bitmap.ts'
import { evaluate } from '../fleet/evaluate.ts'
import { facetOf } from '../fleet/facet-counts.ts'
import type { FleetIndex } from '../fleet/fleet-index.ts'
import { fleetOf } from '../fleet/live.ts'
import type { AgentQuery } from '../query/ast.ts'
import { isQueryKey, queryKeys, type QueryKey, specOf } from '../query/keys.ts'
import { lastTokenStart, parseAgentQuery } from '../query/parse.ts'
import {
  type CompleteQueryInput,
  completeQueryInput,
  facetKeys,
  type FacetValue,
  type QueryCompletion,
} from '../schema.ts'

const itemsMax = 12

/**
 * Keys and values that fit what is typed at the cursor; values with how many agents the query then
 * finds, as far as it is one by then. Needs `agents:read`.
 */
export async function completeAgentQuery(ctx: Ctx, input: CompleteQueryInput): Promise<QueryCompletion> {
  authorize(ctx, 'agents:read')
  const { q, at = q.length } = completeQueryInput.parse(input)
  const to = Math.min(at, q.length)
  const from = lastTokenStart(q.slice(0, to))
  const typed = q.slice(from, to).toLowerCase()
  const minus = typed.startsWith('-') ? '-' : ''
  const [key = '', value] = typed.slice(minus.length).split(/:(.*)/s)
  if (value === undefined) return { from, to, items: keysLike(key, minus) }
  if (!isQueryKey(key)) return { from, to, items: [] }
  // What was typed in front of a comma stays.
  const kept = value.slice(0, value.lastIndexOf(',') + 1)
  const index = await fleetOf(ctx)
  const rest = parseAgentQuery(`${q.slice(0, from)} ${q.slice(to)}`)
  const query = rest.ok ? rest.value : { kind: 'and' as const, items: [] }
  const values = valuesOf(index, key, { query, now: ctx.now }).filter((item) =>
    fits(item, unquoted(value.slice(kept.length))),
  )
  return {
    from,
    to,
    items: values.slice(0, itemsMax).map((item) => {
      const text = `${minus}${key}:${kept}${/[\s,"()\\]/.test(item.value) ? `"${item.value.replace(/["\\]/g, '\\$&')}"` : item.value}`
      // Counted is the query as it then stands: a minus, a comma or a group around it says something else than the value alone.
      const completed = parseAgentQuery(`${q.slice(0, from)}${text}${q.slice(to)}`)
      return {
        text,
        label: item.value,
        detail: item.label === item.value ? '' : item.label,
        count: completed.ok ? countBits(evaluate(index, completed.value, { now: ctx.now })) : null,
      }
    }),
  }
}

function keysLike(typed: string, minus: string): QueryCompletion['items'] {
  return Object.entries(queryKeys)
    .filter(([key]) => key.startsWith(typed))
    .map(([key, { says }]) => ({ text: `${minus}${key}:`, label: `${key}:`, detail: says, count: null }))
}

type About = { query: AgentQuery; now: Date }

type Value = Pick<FacetValue, 'value' | 'label'>

/** The values of a key among the agents that the rest of the query finds, most frequent first; for ranges, examples that are worth asking. */
function valuesOf(index: FleetIndex, key: QueryKey, about: About): Value[] {
  const found = evaluate(index, about.query, about)
  const facet = key === 'tool' ? key : facetKeys.find((name) => name === key)
  if (facet) return facetOf(index, facet, { ...about, found })
  if (key === 'sponsor') return sponsorValues(index, found)
  return (examples[specOf(key).kind] ?? []).concat(key === 'escalation' ? ['>0.1'] : []).flatMap((text) => {
    return parseAgentQuery(`${key}:${text}`).ok ? [{ value: text, label: text }] : []
  })
}

const examples: Partial<Record<string, string[]>> = {
  number: ['0', '>0', '>100'],
  days: ['>30d', '>90d', '<7d'],
  date: ['never'],
}

function sponsorValues(index: FleetIndex, found: Bitmap): Value[] {
  const counted = [...index.entries('person')].flatMap(([id, bitmap]) => {
    const person = index.facts.people.get(id)
    const count = countBoth(bitmap, found)
    return person && count > 0 ? [{ value: person.email.toLowerCase(), label: person.name, count }] : []
  })
  return [
    { value: 'none', label: 'Nobody who can sign in' },
    ...counted.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)),
  ]
}

function fits({ value, label }: Value, typed: string): boolean {
  return value.toLowerCase().includes(typed) || label.toLowerCase().includes(typed)
}

function unquoted(text: string): string {
  return text.replaceAll('"', '')
}
