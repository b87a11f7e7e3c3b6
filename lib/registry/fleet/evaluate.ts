import type { AgentQuery, QueryNode, QueryValue, Range, Term } from '../query/ast.ts'
import { isAccessKey } from '../query/keys.ts'
import { dayNumber, inRange } from '../query/values.ts'
import { compareVersions } from '../rules.ts'
import type { AgentSort } from '../schema.ts'
import type { AccessTest } from './access.ts'
import { andInto, andNotInto, type Bitmap, emptyBitmap, orInto, setBits } from './bitmap.ts'
import { driftOf } from './drift.ts'
import type { FleetFacts } from './facts.ts'
import type { FleetIndex } from './fleet-index.ts'
import type { Dimension } from './value-bits.ts'

const dayMs = 86_400_000

/** What parts of one query have found, for who asks it again without one of them. */
export type Parts = Map<QueryNode, Bitmap>

/** The agents that match a query, as a bitmap of the caller's own. */
export function evaluate(index: FleetIndex, query: AgentQuery, about: { now: Date; parts?: Parts }): Bitmap {
  const { test, others } = accessTestOf(query.items)
  const found = (test ? index.access(test).found : index.all).slice()
  for (const item of others) {
    const known = about.parts?.get(item) ?? evaluateNode(index, item, about.now.getTime())
    about.parts?.set(item, known)
    andInto(found, known)
  }
  return found
}

/** Splits the items of an `and`: terms of access that stand side by side are one test. */
export function accessTestOf(items: readonly QueryNode[]): { test: AccessTest | null; others: QueryNode[] } {
  const test: AccessTest = {}
  const others: QueryNode[] = []
  for (const item of items) {
    if (item.kind === 'term' && isAccessKey(item.key)) test[item.key] = item.values.map(textOfValue)
    else others.push(item)
  }
  return { test: Object.keys(test).length > 0 ? test : null, others }
}

export function textOfValue(value: QueryValue): string {
  return value.is === 'text' ? value.text : ''
}

/** Maybe shared: not to be changed by the caller. */
function evaluateNode(index: FleetIndex, node: QueryNode, now: number): Bitmap {
  switch (node.kind) {
    case 'and': {
      const { test, others } = accessTestOf(node.items)
      const found = (test ? index.access(test).found : index.all).slice()
      for (const item of others) andInto(found, evaluateNode(index, item, now))
      return found
    }
    case 'or': {
      const found = emptyBitmap(index.words)
      for (const item of node.items) orInto(found, evaluateNode(index, item, now))
      return found
    }
    case 'not':
      return andNotInto(index.all.slice(), evaluateNode(index, node.item, now))
    case 'word':
      return index.find(node.text)
    case 'term': {
      if (isAccessKey(node.key)) return index.access({ [node.key]: node.values.map(textOfValue) }).found
      const found = emptyBitmap(index.words)
      for (const value of node.values) addValue(found, { index, key: node.key, value, now })
      return found
    }
  }
}

type About = { index: FleetIndex; key: Term['key']; value: QueryValue; now: number }

function addValue(found: Bitmap, about: About): void {
  const { index, key, value, now } = about
  const text = textOfValue(value)
  switch (key) {
    case 'status':
    case 'tier':
      return addBits(found, index, { dimension: key, matches: (candidate) => candidate === text })
    case 'owner':
      return addBits(found, index, {
        dimension: 'owner',
        matches: (id) => id === text || index.facts.teams.get(id)?.name.toLowerCase() === text,
      })
    case 'model':
      return addBits(found, index, { dimension: 'model', matches: modelTest(index, text) })
    case 'sponsor':
      return addBits(found, index, {
        dimension: 'person',
        matches: (id) => isSponsor(index.facts.people.get(id), text),
      })
    case 'template':
      if (value.is === 'version') {
        return addBits(found, index, { dimension: 'version', matches: (version) => isVersion(version, value) })
      }
      return addBits(found, index, { dimension: 'template', matches: (id) => id === text })
    case 'drift':
      return addBits(found, index, {
        dimension: 'version',
        matches: (version) => {
          const [id, current] = splitVersion(version)
          return matchesDrift(driftOf(current, index.facts.templates.get(id)?.latest ?? null), text)
        },
      })
    case 'orphaned': {
      const orphans = orphanedSlots(index)
      return void (text === 'yes' ? orInto(found, orphans) : orInto(found, andNotInto(index.all.slice(), orphans)))
    }
    case 'overdue': {
      const late = overdueSlots(index, now)
      return void (text === 'yes' ? orInto(found, late) : orInto(found, andNotInto(index.all.slice(), late)))
    }
    case 'runs':
    case 'cost':
    case 'escalation':
    case 'idle':
    case 'reviewed': {
      const range = keyRange(key, value, now)
      return setBits(found, index.order(sortOf[key]).between(range.min, range.max))
    }
    default:
      return
  }
}

type RangeKey = 'runs' | 'cost' | 'escalation' | 'idle' | 'reviewed'
const sortOf: Record<RangeKey, AgentSort> = {
  runs: 'runs',
  cost: 'cost',
  escalation: 'escalation',
  idle: 'active',
  reviewed: 'reviewed',
}

/** A range as it is written, in the terms of the order that answers it. */
function keyRange(key: RangeKey, value: QueryValue, now: number): Range<number> {
  if (value.is !== 'range') return { min: null, max: { at: 0, inclusive: false } }
  const { min, max } = value.range
  // A dollar's fraction is no binary one: 8.2 times a million is a little less than what it says.
  const micros = (bound: typeof min) => bound && { ...bound, at: Math.round(bound.at * 1_000_000) }
  switch (key) {
    case 'runs':
      return value.range
    case 'cost':
      return { min: micros(min), max: micros(max) }
    case 'escalation':
      // Without a run there is no rate to compare.
      return { min: min ?? { at: 0, inclusive: true }, max }
    case 'idle': {
      const today = dayNumber(now)
      const day = (bound: typeof min) => bound && { ...bound, at: today - bound.at }
      return { min: day(max), max: day(min) }
    }
    case 'reviewed':
      return {
        min: min ? { at: (min.inclusive ? min.at : min.at + 1) * dayMs, inclusive: true } : { at: 0, inclusive: true },
        max: max && { at: (max.inclusive ? max.at + 1 : max.at) * dayMs, inclusive: false },
      }
  }
}

/** Those that are not retired and whose accountable person cannot sign in. Shared as well, until an agent or a person changes. */
export function orphanedSlots(index: FleetIndex): Bitmap {
  const known = orphans.get(index)
  if (known && known.changes === index.changes && known.facts === index.facts) return known.found
  const found = emptyBitmap(index.words)
  for (const [id, bitmap] of index.entries('person')) if (!index.facts.people.get(id)?.active) orInto(found, bitmap)
  const retired = index.bits('status', 'retired')
  if (retired) andNotInto(found, retired)
  orphans.set(index, { changes: index.changes, facts: index.facts, found })
  return found
}

const orphans = new WeakMap<FleetIndex, { changes: number; facts: FleetFacts; found: Bitmap }>()

/** Shared: not to be changed by the caller. Remembered until an agent changes or the next review falls due. */
export function overdueSlots(index: FleetIndex, now: number): Bitmap {
  const known = remembered.get(index)
  if (known && known.changes === index.changes && now >= known.from && now <= known.until) return known.late
  const order = index.order('next_review')
  const late = emptyBitmap(index.words)
  setBits(late, order.between({ at: 0, inclusive: true }, { at: now, inclusive: false }))
  const retired = index.bits('status', 'retired')
  if (retired) andNotInto(late, retired)
  const [next] = order.between({ at: now, inclusive: true }, null)
  const until = next === undefined ? Number.POSITIVE_INFINITY : (order.keyOf(next) as number)
  remembered.set(index, { changes: index.changes, from: now, until, late })
  return late
}

const remembered = new WeakMap<FleetIndex, { changes: number; from: number; until: number; late: Bitmap }>()

function addBits(
  found: Bitmap,
  index: FleetIndex,
  by: { dimension: Dimension; matches: (value: string) => boolean },
): void {
  for (const [value, bitmap] of index.entries(by.dimension)) if (by.matches(value)) orInto(found, bitmap)
}

/** The whole name of a model that an agent runs on means that one alone, else whatever contains the text. */
export function modelTest(index: FleetIndex, text: string): (model: string) => boolean {
  const isWhole = index.counts('model', null).some(([model, size]) => size > 0 && model.toLowerCase() === text)
  return (model) => (isWhole ? model.toLowerCase() === text : model.toLowerCase().includes(text))
}

/** `none`: the accountable person cannot sign in any more. */
export function isSponsor(
  person: { id: string; name: string; email: string; active: boolean } | undefined,
  text: string,
): boolean {
  if (text === 'none') return !person?.active
  return (
    person !== undefined &&
    (person.id === text || person.name.toLowerCase() === text || person.email.toLowerCase() === text)
  )
}

export function matchesDrift(drift: ReturnType<typeof driftOf>, wanted: string): boolean {
  return wanted === 'any' ? drift !== 'none' : drift === wanted
}

export function isVersion(version: string, value: Extract<QueryValue, { is: 'version' }>): boolean {
  const [id, current] = splitVersion(version)
  return id === value.template && inRange(current, value.range, compareVersions)
}

function splitVersion(version: string): [string, string] {
  const at = version.lastIndexOf('@')
  return [version.slice(0, at), version.slice(at + 1)]
}
