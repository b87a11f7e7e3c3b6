import { isRecord } from '#lib/core/is-record.ts'
import fc from 'fast-check'
import { z } from 'zod'

/** What no field should choke on, by the kind of trouble: as JSON text, because some of it no JavaScript value can be written as. */
const hostile: Record<string, readonly string[]> = {
  'another type': ['null', 'true', '7', '[]', '{}', '[null]', '[[]]', '{"a":{}}', '""', '" "'],
  'a number beyond all sense': ['-1', '0', '0.5', '1e308', '-1e308', '1e999', '9007199254740993', '2147483648', '"1e309"'],
  'a number as text': ['"NaN"', '"Infinity"', '"0x10"', '"-0"', '"１２"'],
  emoji: [JSON.stringify('🧾👩🏽‍🚒🏴󠁧󠁢󠁥󠁮󠁧󠁿')],
  'right to left': [JSON.stringify('خادم الفواتير עברית'), JSON.stringify('a\u202egnp.exe'), JSON.stringify('\u2067x\u200f')],
  'no characters': ['"a\\u0000b"', '"\\ud800"', '"x\\udc00x"', '"\\u0007\\u001b[31m"', '"a\\r\\nb"', '"\\u2028"', '"\\uffff"'],
  SQL: [JSON.stringify(`'; drop table "Agent"; --`), JSON.stringify('%_\\'), JSON.stringify('1) or (1=1')],
  HTML: [JSON.stringify('<script>alert(1)</script>'), JSON.stringify('"><img src=x onerror=alert(1)>')],
  formula: [JSON.stringify('=HYPERLINK("http://x.test","y")'), '"+1+1"', '"@SUM(1)"'],
  prototype: ['"__proto__"', '"constructor"', '"toString"', '{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{}}}'],
  template: ['"{{7*7}}"', '"${process.env}"', '"%s%n"', '"../../../etc/passwd"', '"%00"', '"\\\\\\\\host\\\\share"'],
  time: ['"2026-02-30"', '"0000-01-01T00:00:00Z"', '"+275760-09-13T00:00:00Z"', '"9999-12-31T23:59:59.999Z"', '"1969-12-31T23:59:59Z"', '"2026-11-26T25:00:00Z"'],
  name: ['"INVOICE-RECONCILER-7"', '"invoice-reconciler-7 "', '"nobody-has-this"', '"00000000-0000-7000-8000-00000000ffff"', '"00000000-0000-7000-8000-00000000000A"'],
  depth: ['['.repeat(90) + ']'.repeat(90), '['.repeat(5000) + ']'.repeat(5000), '{"a":'.repeat(2000) + '1' + '}'.repeat(2000)],
  size: [JSON.stringify('x'.repeat(1025)), JSON.stringify('é'.repeat(100_000)), `[${'1,'.repeat(50_000)}1]`],
} // prettier-ignore

export type Hostile = { kind: string; json: string }

export const knownHostile: readonly Hostile[] = Object.entries(hostile).flatMap(([kind, values]) =>
  values.map((json) => ({ kind, json })),
)

/** Anything that may stand in the place of one value of a body. */
export const anyHostile: fc.Arbitrary<Hostile> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...knownHostile) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => ({ kind: 'any text', json: JSON.stringify(text) })) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }).map((value) => ({ kind: 'any value', json: JSON.stringify(value) })) },
) // prettier-ignore

/** Where values stand: `scopes.0.class` as its segments. */
export type Place = readonly string[]

/** Every place that an example fills and that its schema knows of; the whole is none of them. */
export function placesOf(schema: z.ZodType | undefined, example: unknown): Place[] {
  const places = new Map<string, Place>()
  const add = (place: Place) => place.length > 0 && places.set(JSON.stringify(place), place)
  for (const place of ofValue(example, [])) add(place)
  if (schema) for (const place of ofSchema(jsonSchemaOf(schema), [])) add(place)
  return [...places.values()]
}

/** The value as JSON text with another one in that place, which is made when it is missing. */
export function withValue(value: unknown, place: Place, json: string): string {
  const [first, ...rest] = place
  if (first === undefined) return json
  const isList = /^\d+$/.test(first)
  if (isList) {
    const items: unknown[] = Array.isArray(value) ? value : []
    const texts = items.map((item) => JSON.stringify(item))
    texts[Number(first)] = withValue(items[Number(first)], rest, json)
    return `[${texts.join(',')}]`
  }
  const members = Object.entries(isRecord(value) ? value : {}).filter(([key]) => key !== first)
  const member = isRecord(value) ? value[first] : undefined
  const texts = members.map(([key, other]) => `${JSON.stringify(key)}:${JSON.stringify(other)}`)
  return `{${[...texts, `${JSON.stringify(first)}:${withValue(member, rest, json)}`].join(',')}}`
}

function ofValue(value: unknown, place: Place): Place[] {
  if (Array.isArray(value)) return [place, ...value.slice(0, 1).flatMap((item) => ofValue(item, [...place, '0']))]
  if (!isRecord(value)) return [place]
  return [place, ...Object.entries(value).flatMap(([key, member]) => ofValue(member, [...place, key]))]
}

type JsonSchema = { [key: string]: unknown }

function ofSchema(schema: JsonSchema, place: Place): Place[] {
  if (place.length > 6) return [place]
  const below: Place[] = []
  for (const [key, member] of Object.entries((schema['properties'] ?? {}) as Record<string, JsonSchema>)) {
    below.push(...ofSchema(member, [...place, key]))
  }
  if (isRecord(schema['items'])) below.push(...ofSchema(schema['items'], [...place, '0']))
  for (const kind of ['anyOf', 'oneOf', 'allOf']) {
    for (const one of (schema[kind] ?? []) as JsonSchema[]) below.push(...ofSchema(one, place))
  }
  return [place, ...below]
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as JsonSchema
}
