import { isExactNumber } from '#lib/core/exact-json.ts'
import { type InjectionMark, injectionMarks, marksIn } from './injection.ts'
import { isRandom, isSecretName, type SecretKind, secretsIn } from './secrets.ts'

export type ResultFindings = {
  /** How many secrets of each kind were masked; never what they were. */
  masked: Partial<Record<SecretKind, number>>
  marks: InjectionMark[]
}
export type GuardedResult = { result: Record<string, unknown>; findings: ResultFindings | null }

type Walk = { mask: boolean; masked: ResultFindings['masked']; marks: Set<InjectionMark> }

/**
 * What a server answered with its secrets masked (when `mask` says so) and its marks of prompt injection noted. A result without either comes back as it is; otherwise only what
 * holds a secret is copied.
 */
export function guardResult(result: Record<string, unknown>, { mask }: { mask: boolean }): GuardedResult {
  const walk: Walk = { mask, masked: {}, marks: new Set() }
  const guarded = walkObject(result, walk)
  const clean = walk.marks.size === 0 && Object.keys(walk.masked).length === 0
  if (clean) return { result, findings: null }
  return {
    result: guarded,
    findings: { masked: walk.masked, marks: injectionMarks.filter((mark) => walk.marks.has(mark)) },
  }
}

function walkValue(value: unknown, walk: Walk): unknown {
  if (typeof value === 'string') return walkText(value, walk)
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return value
  return Array.isArray(value) ? walkArray(value, walk) : walkObject(value as Record<string, unknown>, walk)
}

function walkArray(values: readonly unknown[], walk: Walk): readonly unknown[] {
  let copy: unknown[] | null = null
  for (let at = 0; at < values.length; at += 1) {
    const guarded = walkValue(values[at], walk)
    if (guarded !== values[at]) (copy ??= [...values])[at] = guarded
  }
  return copy ?? values
}

function walkObject(object: Record<string, unknown>, walk: Walk): Record<string, unknown> {
  let copy: Record<string, unknown> | null = null
  // Pictures and sound are no text.
  const isMedia = object['type'] === 'image' || object['type'] === 'audio'
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (isMedia && key === 'data') continue
    const guarded = named(key, value, walk) ?? walkValue(value, walk)
    if (guarded !== value) (copy ??= { ...object })[key] = guarded
  }
  return copy ?? object
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
