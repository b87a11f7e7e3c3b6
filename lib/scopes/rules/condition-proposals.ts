import { joinProfiles } from '#lib/registry/rules/argument-profile.ts'
import { type CompiledCondition, compileConditions, firstUnmet, stepsOf } from '#lib/registry/rules/conditions.ts'
import type { ArgumentProfile, PathProfile } from '#lib/registry/schema/argument-profile.ts'
import { type ArgumentCondition, conditionsMax, type ConditionValue } from '#lib/registry/schema/conditions.ts'
import type { ConditionBar, MissingArguments } from '../schema/usage.ts'

const dayMs = 86_400_000
/** The most values that are listed, and how many calls there must be for each of them: whoever has had that many values in few calls will have more. */
const listedMax = 10
const callsAValueMin = 5
const prefixMin = 3
const boundaries = ['/', ':', '-', '_', '.', ' ', '#']

/** What is known of the arguments of one agent's calls of one tool, by week: of those that are looked at, and of those before. */
export type ToolEvidence = { window: readonly WeekProfile[]; before: readonly WeekProfile[] }
type WeekProfile = ArgumentProfile & { week: Date }

export type ProposedConditions = { known: number; missing: MissingArguments | null; conditions: ArgumentCondition[] }

/**
 * The conditions that every call met, of what never moved outside of a list, a beginning or a range; what is limited already is left as it is. With too few calls or days, or where not
 * every call's arguments are known, none, and what is missing. `calls`: how many there were in the days that are looked at, known or not.
 */
export function proposeConditions(
  { calls, window }: { calls: number; window: readonly ArgumentProfile[] },
  about: { limited: readonly string[]; bar: ConditionBar; now: Date },
): ProposedConditions {
  const { limited, bar, now } = about
  const profile = joinProfiles(window)
  const known = profile?.known ?? 0
  const heldDays = profile ? Math.floor((now.getTime() - profile.firstAt.getTime()) / dayMs) : 0
  const missing = {
    calls: Math.max(0, bar.calls - known),
    days: Math.max(0, bar.days - heldDays),
    unknown: callsUnknown({ calls, window }),
  }
  if (!profile || missing.calls > 0 || missing.days > 0 || missing.unknown > 0) {
    return { known, missing, conditions: [] }
  }
  const wanted = Object.entries(profile.paths)
    .filter(([pointer, path]) => path.calls === profile.known && !limited.includes(pointer))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([pointer, path]) => conditionFor(pointer, path) ?? [])
    .slice(0, Math.max(0, conditionsMax - limited.length))
  return { known, missing: null, conditions: wanted.filter((each) => callsDenied([each], window) === 0) }
}

/** How many of these calls are in no profile, or without their arguments. */
export function callsUnknown({ calls, window }: { calls: number; window: readonly ArgumentProfile[] }): number {
  const sum = (of: (profile: ArgumentProfile) => number) => window.reduce((total, each) => total + of(each), 0)
  return sum(({ unknown }) => unknown) + Math.max(0, calls - sum((each) => each.calls))
}

/**
 * Of the calls in these profiles, how many the conditions would have denied at most: what a profile has of the arguments is given to the evaluator that brokers decide with. Where
 * it cannot be told from what is kept, a call counts as denied.
 */
export function callsDenied(
  conditions: readonly ArgumentCondition[],
  profiles: readonly Pick<ArgumentProfile, 'known' | 'paths'>[],
): number {
  const compiled = compileConditions(conditions)
  return profiles.reduce((sum, { known, paths }) => {
    const denied = compiled.reduce((of, each) => of + deniedBy(each, { known, path: paths[each.condition.pointer] }), 0)
    return sum + Math.min(known, denied)
  }, 0)
}

function deniedBy(compiled: CompiledCondition, of: { known: number; path: PathProfile | undefined }): number {
  const { known, path } = of
  if (!path) return known
  const fits = (value: ConditionValue) =>
    firstUnmet([compiled], argumentsWith(compiled.condition.pointer, value)) === null
  const leftOut = known - path.calls
  if (path.values) return leftOut + path.values.reduce((sum, [value, calls]) => sum + (fits(value) ? 0 : calls), 0)
  if (path.range && path.range.every(fits) && 'range' in compiled.condition) return leftOut
  if (path.prefix && fits(path.prefix) && 'prefix' in compiled.condition) return leftOut
  return known
}

/** Arguments that have a value at a pointer, and nothing else. */
function argumentsWith(pointer: string, value: ConditionValue): unknown {
  return stepsOf(pointer).reduceRight<unknown>((inner, step) => (step === '*' ? [inner] : { [step]: inner }), value)
}

function conditionFor(pointer: string, path: PathProfile): ArgumentCondition | null {
  const { values, range, prefix } = path
  if (values?.length === 1) return { pointer, equals: values[0]![0] }
  if (range) return isMoving(pointer) ? null : { pointer, range: { min: roundDown(range[0]), max: roundUp(range[1]) } }
  if (values && isList(values, path.calls)) return { pointer, in: values.map(([value]) => value).toSorted(byText) }
  const begins = prefix === undefined || isMoving(pointer) ? '' : untilBoundary(prefix)
  return begins.length >= prefixMin ? { pointer, prefix: begins } : null
}

/** Few texts, each of which came again; true and false is no limit. */
function isList(values: NonNullable<PathProfile['values']>, calls: number): boolean {
  if (values.every(([value]) => typeof value === 'boolean')) return false
  return values.length <= listedMax && calls >= values.length * callsAValueMin && values.every(([, times]) => times > 1)
}

/** Names of what goes on by itself: identifiers are given one after another, pages are turned. */
function isMoving(pointer: string): boolean {
  const name = pointer.slice(pointer.lastIndexOf('/') + 1).replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
  return /(?:^|[_.-])(?:id|ids|no|nr|number|page|offset|cursor|index|version|date|day|month|year|time|timestamp|at|since|until)$/i.test(
    name,
  )
}

/** Ranges are a little wider than what was seen: to two figures, downwards and upwards. */
function roundDown(value: number): number {
  return -roundUp(-value)
}

function roundUp(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(value) || 1)) - 1)
  const rounded = Math.ceil(value / step) * step
  // Never below what was seen, whatever the division loses. -0 is written as 0.
  return Math.max(rounded, value) + 0
}

/** Up to a character that parts: what comes after it is a part of a word that happens to be common. */
function untilBoundary(prefix: string): string {
  return prefix.slice(0, 1 + Math.max(...boundaries.map((mark) => prefix.lastIndexOf(mark))))
}

function byText(a: ConditionValue, b: ConditionValue): number {
  return String(a) < String(b) ? -1 : 1
}
