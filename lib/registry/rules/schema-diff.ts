import { isDeepStrictEqual } from 'node:util'
import { canonicalJson } from '#lib/core/canonical-json.ts'
import { asSchema, dereferenced, pointer, type Schema, withoutWording, wordings } from './schema-walk.ts'
import { finding, type FindingKind, type ToolFinding } from './tool-findings.ts'

/** A higher value of these admits less, of the others more. */
const lowerBounds = new Set(['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties', 'minContains'])
const upperBounds = new Set(['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties', 'maxContains'])
/** What is missing here admits everything; `{}` and `true` say the same. */
const subschemas = [
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'items',
  'unevaluatedItems',
  'contains',
]
const compared = new Set([
  ...[
    'type',
    'properties',
    'patternProperties',
    'required',
    'enum',
    'const',
    'default',
    'anyOf',
    'oneOf',
    'allOf',
    'not',
  ],
  ...['prefixItems', 'uniqueItems', 'multipleOf', 'pattern', 'format', '$defs', 'definitions'],
  ...subschemas,
])
const depthMax = 24

/**
 * What an input schema admits more or less than another one. It errs on the side of *wider*: whatever cannot be compared, or admits
 * more in one place, is a finding that suspends.
 */
export function diffSchemas(before: unknown, after: unknown, path: string): ToolFinding[] {
  const [left, right] = [dereferenced(before), dereferenced(after)]
  if (!left || !right) return [finding('schema_changed', path, 'refers to too much to be compared')]
  const opaque = left.unresolved || right.unresolved
  const named = opaque && !isDeepStrictEqual(definitionsOf(before), definitionsOf(after))
  return [
    ...(named ? [finding('schema_changed', path, 'refers to definitions that changed')] : []),
    ...diff(left.schema, right.schema, path, 0),
  ]
}

function definitionsOf(root: unknown): unknown {
  const schema = asSchema(root) ?? {}
  return [schema['$defs'], schema['definitions']].map((map) =>
    Object.entries(asSchema(map ?? {}) ?? {}).map(([name, part]) => [name, withoutWording(part)]),
  )
}

function diff(before: unknown, after: unknown, path: string, depth: number): ToolFinding[] {
  if (isDeepStrictEqual(before, after)) return []
  if (depth > depthMax) return [finding('schema_changed', path, 'nested too deep to be compared')]
  if (before === false) return [finding('schema_wider', path, 'was refused, is taken now')]
  if (after === false) return [finding('schema_narrower', path, 'was taken, is refused now')]
  const [left, right] = [asSchema(before), asSchema(after)]
  if (!left || !right) return [finding('schema_changed', path, 'is no schema')]
  return [
    ...diffTypes(left, right, path),
    ...diffProperties(left, right, path, depth),
    ...diffRequired(left, right, path),
    ...diffValues(left, right, path),
    ...diffBounds(left, right, path),
    ...diffParts(left, right, path, depth),
    ...diffOthers(left, right, path),
  ]
}

function diffTypes(before: Schema, after: Schema, path: string): ToolFinding[] {
  const [left, right] = [typesOf(before), typesOf(after)]
  const added = right.filter((type) => !left.includes(type))
  const gone = left.filter((type) => !right.includes(type))
  return [
    ...(added.length > 0 ? [finding('schema_wider', `${path}/type`, `takes ${added.join(', ')} now`)] : []),
    ...(gone.length > 0 ? [finding('schema_narrower', `${path}/type`, `no longer takes ${gone.join(', ')}`)] : []),
  ]
}

/** `fraction` stands for the numbers that are no integers, so that integer is a part of number. */
function typesOf(schema: Schema): string[] {
  const { type } = schema
  const all = ['null', 'boolean', 'object', 'array', 'integer', 'fraction', 'string']
  if (type === undefined) return all
  const named = Array.isArray(type) ? type.map(String) : [JSON.stringify(type).replaceAll('"', '')]
  return named.flatMap((name) => (name === 'number' ? ['integer', 'fraction'] : [name]))
}

function diffProperties(before: Schema, after: Schema, path: string, depth: number): ToolFinding[] {
  return (['properties', 'patternProperties'] as const).flatMap((keyword) => {
    const [left, right] = [asSchema(before[keyword] ?? {}) ?? {}, asSchema(after[keyword] ?? {}) ?? {}]
    return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((name) => {
      const at = `${path}/${keyword}/${pointer(name)}`
      if (!Object.hasOwn(left, name)) return [finding('schema_wider', at, `new property ${name}`)]
      if (!Object.hasOwn(right, name)) return [finding('schema_narrower', at, `property ${name} is gone`)]
      return diff(left[name], right[name], at, depth + 1)
    })
  })
}

function diffRequired(before: Schema, after: Schema, path: string): ToolFinding[] {
  const [left, right] = [listOf(before['required']), listOf(after['required'])]
  const declares = (schema: Schema, name: unknown) =>
    Object.hasOwn(asSchema(schema['properties'] ?? {}) ?? {}, String(name))
  // A property that is gone is reported as that.
  const isGone = (name: unknown) => declares(before, name) && !declares(after, name)
  const [was, is] = [new Set(left), new Set(right)]
  const loosened = left.filter((name) => !is.has(name) && !isGone(name))
  const demanded = right.filter((name) => !was.has(name))
  const at = `${path}/required`
  return [
    ...(loosened.length > 0 ? [finding('schema_wider', at, `no longer required: ${loosened.join(', ')}`)] : []),
    ...(demanded.length > 0 ? [finding('schema_narrower', at, `required now: ${demanded.join(', ')}`)] : []),
  ]
}

/** enum and const: the values admitted, and the default that stands for a missing one. */
function diffValues(before: Schema, after: Schema, path: string): ToolFinding[] {
  const found: ToolFinding[] = []
  const [left, right] = [valuesOf(before), valuesOf(after)]
  if (left && !right) found.push(finding('schema_wider', `${path}/enum`, 'any value is taken now'))
  if (!left && right) found.push(finding('schema_narrower', `${path}/enum`, 'only some values are taken now'))
  if (left && right) {
    const added = [...right].filter((value) => !left.has(value))
    const gone = [...left].filter((value) => !right.has(value))
    if (added.length > 0) found.push(finding('schema_wider', `${path}/enum`, `takes ${added.join(', ')} now`))
    if (gone.length > 0) found.push(finding('schema_narrower', `${path}/enum`, `no longer takes ${gone.join(', ')}`))
  }
  if (!isDeepStrictEqual(before['default'], after['default'])) {
    const note = `${text(before['default'])} → ${text(after['default'])} when it is left out`
    found.push(finding('default_changed', `${path}/default`, note))
  }
  return found
}

function valuesOf(schema: Schema): Set<string> | null {
  if (Object.hasOwn(schema, 'const')) return new Set([canonicalJson(schema['const'])])
  return Array.isArray(schema['enum']) ? new Set(schema['enum'].map((value) => canonicalJson(value))) : null
}

function diffBounds(before: Schema, after: Schema, path: string): ToolFinding[] {
  const found: ToolFinding[] = []
  for (const keyword of [...lowerBounds, ...upperBounds]) {
    if (isDeepStrictEqual(before[keyword], after[keyword])) continue
    const open = lowerBounds.has(keyword) ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    const [left, right] = [numberOf(before[keyword], open), numberOf(after[keyword], open)]
    const wider = lowerBounds.has(keyword) ? right < left : right > left
    const note = `${text(before[keyword])} → ${text(after[keyword])}`
    found.push(finding(boundKind(left, right, wider), `${path}/${keyword}`, note))
  }
  for (const keyword of ['pattern', 'format', 'multipleOf', 'uniqueItems', 'not']) {
    const left = before[keyword] === false && keyword === 'uniqueItems' ? undefined : before[keyword]
    const right = after[keyword] === false && keyword === 'uniqueItems' ? undefined : after[keyword]
    if (isDeepStrictEqual(left, right)) continue
    // Whether one pattern admits what another does is not decided here: only a first one is certainly narrower.
    const kind = left === undefined ? 'schema_narrower' : 'schema_wider'
    found.push(finding(kind, `${path}/${keyword}`, `${text(left)} → ${text(right)}`))
  }
  return found
}

function boundKind(left: number, right: number, wider: boolean): FindingKind {
  if (Number.isNaN(left) || Number.isNaN(right)) return 'schema_changed'
  return wider ? 'schema_wider' : 'schema_narrower'
}

function diffParts(before: Schema, after: Schema, path: string, depth: number): ToolFinding[] {
  const single = subschemas.flatMap((keyword) =>
    diff(before[keyword] ?? true, after[keyword] ?? true, `${path}/${keyword}`, depth + 1),
  )
  return [
    ...single,
    ...diffAlternatives(before, after, path, depth),
    ...diffByPosition({ before, after, keyword: 'prefixItems', missing: true, path, depth }),
    ...diffByPosition({ before, after, keyword: 'allOf', missing: true, path, depth }),
  ]
}

/** anyOf and oneOf: one more alternative admits more, one less admits less; a changed one is compared where it stands. */
function diffAlternatives(before: Schema, after: Schema, path: string, depth: number): ToolFinding[] {
  return ['anyOf', 'oneOf'].flatMap((keyword) => {
    const at = `${path}/${keyword}`
    if (before[keyword] === undefined && after[keyword] === undefined) return []
    if (before[keyword] === undefined) return [finding('schema_narrower', at, 'only some forms are taken now')]
    if (after[keyword] === undefined) return [finding('schema_wider', at, 'any form is taken now')]
    const [left, right] = [listOf(before[keyword]), listOf(after[keyword])]
    if (left.length === right.length) {
      return left.flatMap((part, index) => diff(part, right[index], `${at}/${index}`, depth + 1))
    }
    const known = new Set(left.map((part) => canonicalJson(withoutWording(part))))
    const still = new Set(right.map((part) => canonicalJson(withoutWording(part))))
    return [
      ...[...still].filter((part) => !known.has(part)).map((part) => finding('schema_wider', at, `new form ${part}`)),
      ...[...known].filter((part) => !still.has(part)).map((part) => finding('schema_narrower', at, `gone: ${part}`)),
    ]
  })
}

function diffByPosition(options: {
  before: Schema
  after: Schema
  keyword: string
  missing: unknown
  path: string
  depth: number
}): ToolFinding[] {
  const { before, after, keyword, missing, path, depth } = options
  const [left, right] = [listOf(before[keyword]), listOf(after[keyword])]
  return Array.from({ length: Math.max(left.length, right.length) }, (_, index) =>
    diff(left[index] ?? missing, right[index] ?? missing, `${path}/${keyword}/${index}`, depth + 1),
  ).flat()
}

/** Keywords that are not known here: nothing is assumed of them. */
function diffOthers(before: Schema, after: Schema, path: string): ToolFinding[] {
  const known = (keyword: string) =>
    wordings.has(keyword) || compared.has(keyword) || lowerBounds.has(keyword) || upperBounds.has(keyword)
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((keyword) => !known(keyword) && !isDeepStrictEqual(before[keyword], after[keyword]))
    .map((keyword) => {
      const note = `${keyword}: ${text(before[keyword])} → ${text(after[keyword])}`
      return finding('schema_changed', `${path}/${pointer(keyword)}`, note)
    })
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function numberOf(value: unknown, missing: number): number {
  if (value === undefined) return missing
  return typeof value === 'number' ? value : Number.NaN
}

function text(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value)
}
