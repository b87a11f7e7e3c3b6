import type { ArgumentObservation, ArgumentProfile, PathProfile } from '../schema/argument-profile.ts'
import type { ConditionValue } from '../schema/conditions.ts'

// A profile grows with every call and stays small: what two profiles have together does not depend on their order, and what was given up (too many values,
// another type) stays given up.

/** The most distinct values that are kept of one argument. */
export const profiledValuesMax = 20
/** The most arguments that are looked at. */
export const profiledPathsMax = 24

/** What one call had. */
export function pathsOf(observation: ArgumentObservation): ArgumentProfile['paths'] {
  return Object.fromEntries(
    Object.entries(observation).map(([pointer, { values, prefix }]) => [pointer, pathOf(values, prefix)]),
  )
}

/** Both together. What only one of them has was left out by the calls of the other. */
export function joinProfiles(a: ArgumentProfile, b: ArgumentProfile): ArgumentProfile {
  return {
    calls: a.calls + b.calls,
    unknown: a.unknown + b.unknown,
    known: a.known + b.known,
    firstAt: a.firstAt < b.firstAt ? a.firstAt : b.firstAt,
    paths: joinPaths(a.paths, b.paths),
  }
}

/** An argument that is given up when there are too many comes back, if ever, with fewer calls than there were: as one that is left out at times. */
export function joinPaths(a: ArgumentProfile['paths'], b: ArgumentProfile['paths']): ArgumentProfile['paths'] {
  const joined: ArgumentProfile['paths'] = { ...a }
  for (const [pointer, path] of Object.entries(b)) {
    const before = Object.hasOwn(joined, pointer) ? joined[pointer] : undefined
    joined[pointer] = before ? joinPath(before, path) : path
  }
  const pointers = Object.keys(joined)
  if (pointers.length <= profiledPathsMax) return joined
  const kept = pointers.toSorted((x, y) => joined[y]!.calls - joined[x]!.calls || (x < y ? -1 : 1))
  return Object.fromEntries(kept.slice(0, profiledPathsMax).map((pointer) => [pointer, joined[pointer]!]))
}

/** What all of two texts begin with, never half of a character. */
export function commonPrefix(a: string, b: string): string {
  let at = 0
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1
  const last = a.charCodeAt(at - 1)
  return a.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? at - 1 : at)
}

function pathOf(values: ConditionValue[] | undefined, prefix: string | undefined): PathProfile {
  const path: PathProfile = { calls: 1 }
  if (prefix !== undefined) path.prefix = prefix
  if (!values) return path
  path.values = values.map((value) => [value, 1])
  const numbers = values.filter((value) => typeof value === 'number')
  if (numbers.length === values.length) path.range = [Math.min(...numbers), Math.max(...numbers)]
  return path
}

function joinPath(a: PathProfile, b: PathProfile): PathProfile {
  const joined: PathProfile = { calls: a.calls + b.calls }
  const values = a.values && b.values ? joinValues(a.values, b.values) : undefined
  if (values) joined.values = values
  if (a.range && b.range) joined.range = [Math.min(a.range[0], b.range[0]), Math.max(a.range[1], b.range[1])]
  if (a.prefix !== undefined && b.prefix !== undefined) joined.prefix = commonPrefix(a.prefix, b.prefix)
  return joined
}

type Counted = NonNullable<PathProfile['values']>

function joinValues(a: Counted, b: Counted): Counted | undefined {
  const counts = new Map(a)
  for (const [value, calls] of b) {
    counts.set(value, (counts.get(value) ?? 0) + calls)
    if (counts.size > profiledValuesMax) return undefined
  }
  return [...counts]
}
