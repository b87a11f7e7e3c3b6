import { isExactNumber } from '#lib/core/exact-json.ts'
import { type InjectionMark, injectionMarks, marksIn } from './injection.ts'
import { isRandom, isSecretName, type SecretKind, secretsIn } from './secrets.ts'

export type ResultFindings = {
  /** How many secrets of each kind were masked; never what they were. */
  masked: Partial<Record<SecretKind, number>>
  marks: InjectionMark[]
}
export type GuardedResult = { result: Record<string, unknown>; findings: ResultFindings | null }

/**
 * Where an object stands. MCP has pictures and sound in what is called `content`, alone or in a list; what a server shapes itself may look like one, and is none.
 */
type Place = 'in_content' | 'elsewhere' | 'own_shape'
const ownShapes = new Set(['structuredContent', '_meta', 'input', 'arguments'])
/** Longer than every secret that consists of the characters of base64 alone. */
const mediaLengthMin = 64
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

type Walk = { mask: boolean; masked: ResultFindings['masked']; marks: Set<InjectionMark> }

/**
 * What a server answered with its secrets masked (when `mask` says so) and its marks of prompt injection noted, in the names of members as in texts. A result without either comes back as it is; otherwise only what
 * holds a secret is copied.
 */
export function guardResult(result: Record<string, unknown>, { mask }: { mask: boolean }): GuardedResult {
  const walk: Walk = { mask, masked: {}, marks: new Set() }
  const guarded = walkObject(result, walk, 'elsewhere')
  const clean = walk.marks.size === 0 && Object.keys(walk.masked).length === 0
  if (clean) return { result, findings: null }
  return {
    result: guarded,
    findings: { masked: walk.masked, marks: injectionMarks.filter((mark) => walk.marks.has(mark)) },
  }
}

function walkValue(value: unknown, walk: Walk, place: Place): unknown {
  if (typeof value === 'string') return walkText(value, walk)
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return value
  return Array.isArray(value)
    ? walkArray(value, walk, place)
    : walkObject(value as Record<string, unknown>, walk, place)
}

function walkArray(values: readonly unknown[], walk: Walk, place: Place): readonly unknown[] {
  let copy: unknown[] | null = null
  for (let at = 0; at < values.length; at += 1) {
    const guarded = walkValue(values[at], walk, place)
    if (guarded !== values[at]) (copy ??= [...values])[at] = guarded
  }
  return copy ?? values
}

function walkObject(object: Record<string, unknown>, walk: Walk, place: Place): Record<string, unknown> {
  let copy: Record<string, unknown> | null = null
  let renamed: Map<string, string> | null = null
  const mayBeMedia = place === 'in_content' && (object['type'] === 'image' || object['type'] === 'audio')
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (mayBeMedia && key === 'data' && isMedia(value)) continue
    const name = walkName(key, walk)
    if (name !== key) (renamed ??= new Map()).set(key, name)
    const guarded = named(key, value, walk) ?? walkValue(value, walk, placeOf(key, place))
    if (guarded !== value) (copy ??= { ...object })[key] = guarded
  }
  return renamed ? withNames(copy ?? object, renamed) : (copy ?? object)
}

/** Names without a secret or a mark. They are few and come again with every answer: each is looked at once. */
const plainNames = new Set<string>()
const plainNamesMax = 2000
const plainLengthMax = 40

function walkName(name: string, walk: Walk): string {
  if (plainNames.has(name)) return name
  if (name.length > plainLengthMax || marksIn(name) || secretsIn(name)) return walkText(name, walk)
  if (plainNames.size >= plainNamesMax) plainNames.clear()
  plainNames.add(name)
  return name
}

/** The same members in the same order; of those that are called the same now the later ones are numbered, so that none is lost. */
function withNames(object: Record<string, unknown>, names: ReadonlyMap<string, string>): Record<string, unknown> {
  const taken = new Set(Object.keys(object))
  const counts = new Map<string, number>()
  const free = (name: string): string => {
    let count = counts.get(name) ?? 0
    let numbered: string
    do numbered = ++count === 1 ? name : `${name} (${count})`
    while (taken.has(numbered))
    counts.set(name, count)
    taken.add(numbered)
    return numbered
  }
  const members = Object.entries(object).map(([key, value]) => {
    const name = names.get(key)
    return [name === undefined ? key : free(name), value] as const
  })
  return Object.fromEntries(members)
}

function placeOf(key: string, within: Place): Place {
  if (within === 'own_shape' || ownShapes.has(key)) return 'own_shape'
  return key === 'content' ? 'in_content' : 'elsewhere'
}

/** Pictures and sound are no text, and as base64 they hold none. */
function isMedia(value: unknown): boolean {
  return typeof value === 'string' && value.length >= mediaLengthMin && value.length % 4 === 0 && base64.test(value)
}

/** A random value under a telling name. */
function named(key: string, value: unknown, walk: Walk): string | null {
  if (!walk.mask || typeof value !== 'string' || value.length < 16 || value.length > 500) return null
  if (!isSecretName(key) || !/^[A-Za-z0-9+/_=.~-]+$/.test(value) || !isRandom(value)) return null
  return maskOf('named_secret', walk)
}

function walkText(text: string, walk: Walk): string {
  const marks = marksIn(text)
  if (marks) for (const mark of marks) walk.marks.add(mark)
  const secrets = walk.mask ? secretsIn(text) : null
  if (!secrets) return text
  const parts: string[] = []
  let from = 0
  for (const { kind, start, end } of secrets) {
    parts.push(text.slice(from, start), maskOf(kind, walk))
    from = end
  }
  return parts.join('') + text.slice(from)
}

function maskOf(kind: SecretKind, { masked }: Walk): string {
  masked[kind] = (masked[kind] ?? 0) + 1
  return `[masked: ${kind}]`
}
