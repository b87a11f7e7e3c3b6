import type { ArgumentObservation, ArgumentProfile, PathProfile } from '../schema/argument-profile.ts'
import type { ConditionValue } from '../schema/conditions.ts'
import type { DataClass } from '../schema/words.ts'

// A profile grows with every call and stays small: what two profiles have together does not depend on their order, and what was given up (too many values,
// another type) stays given up.

/** The most distinct values that are kept of one argument. */
export const profiledValuesMax = 20
/** The most arguments that are looked at. */
export const profiledPathsMax = 24

/** Data of people and credentials: where a server has it, a text that looks harmless may be one of them. */
export const privateDataClasses = ['personal', 'health', 'credentials'] as const satisfies readonly DataClass[]

/** What of a call may be kept where such data is. */
export function withoutTexts(observation: ArgumentObservation): ArgumentObservation {
  return Object.fromEntries(
    Object.entries(observation).map(([pointer, { values }]) => [
      pointer,
      values?.every((value) => typeof value !== 'string') ? { values } : {},
    ]),
  )
}

/** What one call had. */
export function pathsOf(observation: ArgumentObservation): ArgumentProfile['paths'] {
  const paths: ArgumentProfile['paths'] = {}
  for (const [pointer, { values, prefix }] of Object.entries(observation)) paths[pointer] = pathOf(values, prefix)
  return paths
}

/** All together; null: there is none. What only some of them have was left out by the calls of the others. */
export function joinProfiles(profiles: readonly ArgumentProfile[]): ArgumentProfile | null {
  const [first] = profiles
  if (!first) return null
  const counts = profiles.slice(1).reduce<Counts>(joinCounts, first)
  return {
    ...counts,
    paths: profiles.reduce<ArgumentProfile['paths']>((all, { paths }) => addPaths(all, copyOf(paths)), {}),
  }
}

function copyOf(paths: ArgumentProfile['paths']): ArgumentProfile['paths'] {
  const copy: ArgumentProfile['paths'] = {}
  for (const [pointer, { values, range, ...path }] of Object.entries(paths)) {
    copy[pointer] = path
    if (values) copy[pointer].values = values.map(([value, calls]) => [value, calls])
    if (range) copy[pointer].range = [...range]
  }
  return copy
}

type Counts = Omit<ArgumentProfile, 'paths'>

export function joinCounts(a: Counts, b: Counts): Counts {
  return {
    calls: a.calls + b.calls,
    unknown: a.unknown + b.unknown,
    known: a.known + b.known,
    firstAt: a.firstAt < b.firstAt ? a.firstAt : b.firstAt,
  }
}

/**
 * Adds paths to others, both of which are given away: a million calls are added up like this. One that is given up when there are too many comes back, if ever, with fewer calls than there were:
 * as one that is left out at times.
 */
export function addPaths(paths: ArgumentProfile['paths'], more: ArgumentProfile['paths']): ArgumentProfile['paths'] {
  let isLonger = false
  for (const pointer of Object.keys(more)) {
    const before = paths[pointer]
    if (before) addPath(before, more[pointer]!)
    else {
      paths[pointer] = more[pointer]!
      isLonger = true
    }
  }
  if (!isLonger) return paths
  const pointers = Object.keys(paths)
  if (pointers.length <= profiledPathsMax) return paths
  const kept = pointers.toSorted((x, y) => paths[y]!.calls - paths[x]!.calls || (x < y ? -1 : 1))
  return Object.fromEntries(kept.slice(0, profiledPathsMax).map((pointer) => [pointer, paths[pointer]!]))
}

/** What all of two texts begin with, never half of a character. */
export function commonPrefix(a: string, b: string): string {
  let at = 0
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1
  const last = a.charCodeAt(at - 1)
  return a.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? at - 1 : at)
}

/** Whether a text may lead elsewhere than it begins: no condition on its beginning holds for one that does. */
export function mayClimb(text: string): boolean {
  return /\.\.|%2e/i.test(text)
}

function pathOf(values: ConditionValue[] | undefined, prefix: string | undefined): PathProfile {
  const path: PathProfile = { calls: 1 }
  const begins = prefix ?? (values && beginningOf(values))
  if (begins !== undefined) path.prefix = begins
  if (!values) return path
  path.values = values.map((value) => [value, 1])
  if (values.every((value) => typeof value === 'number')) path.range = [Math.min(...values), Math.max(...values)]
  return path
}

function beginningOf(values: readonly ConditionValue[]): string | undefined {
  const texts = values.filter((value) => typeof value === 'string')
  if (texts.length < values.length || texts.some(mayClimb)) return undefined
  return texts.reduce(commonPrefix)
}

function addPath(path: PathProfile, more: PathProfile): void {
  path.calls += more.calls
  if (path.values) addValues(path, more.values)
  if (path.range && more.range) {
    path.range[0] = Math.min(path.range[0], more.range[0])
    path.range[1] = Math.max(path.range[1], more.range[1])
  } else delete path.range
  if (path.prefix !== undefined && more.prefix !== undefined) path.prefix = commonPrefix(path.prefix, more.prefix)
  else delete path.prefix
}

function addValues(path: PathProfile, more: PathProfile['values']): void {
  const values = path.values!
  for (const counted of more ?? []) {
    const same = values.find(([value]) => value === counted[0])
    if (same) same[1] += counted[1]
    else values.push(counted)
  }
  if (!more || values.length > profiledValuesMax) delete path.values
}
