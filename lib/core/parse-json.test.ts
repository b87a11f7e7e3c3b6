import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExactly } from './exact-json.ts'
import { parseJson } from './parse-json.ts'

test('a name that is written with an escape is what it says, whatever was read before', () => {
  // So the engine learns of a name that is a backslash.
  JSON.parse(String.raw`{"h":[],"\\":0}`)
  for (const [source, name] of [
    [String.raw`\"`, '"'],
    [String.raw`\n`, '\n'],
    [String.raw`\u0061`, 'a'],
    [String.raw`\\`, '\\'],
    [String.raw`a\"`, 'a"'],
  ] as const) {
    for (const parse of [parseJson, parseExactly]) {
      expect(Object.keys(parse(`{"h":1,"${source}":2}`) as object)).toEqual(['h', name])
      expect(parse(`[{"h":1,"${source}" : {"${source}":"${source}"}}]`)).toEqual([{ h: 1, [name]: { [name]: name } }])
    }
  }
  expect(JSON.stringify(parseExactly(String.raw`{"\"":12345678901234567890}`))).toBe(
    String.raw`{"\"":12345678901234567890}`,
  )
})

test('everything is read as it was written', () => {
  const name = fc.string({ unit: fc.constantFrom('"', '\\', 'a', '\n', ':', ',', '{', 'é', '\u2028'), maxLength: 4 })
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 3 }, name, fc.integer(), fc.array(tie('tree'), { maxLength: 3 }), tie('members')),
    members: fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }),
  }))
  fc.assert(
    fc.property(tree, fc.boolean(), (drawn, spaced) => {
      const text = JSON.stringify(asObjects(drawn), null, spaced ? 2 : 0)
      expect(JSON.stringify(parseJson(text), null, spaced ? 2 : 0)).toBe(text)
    }),
    { numRuns: 3000 },
  )
})

test('of a name that stands twice the last one counts, and __proto__ is a name', () => {
  expect(parseJson(String.raw`{"a":1,"\u0061":2}`)).toEqual({ a: 2 })
  expect(parseJson(String.raw`{"\u0061":2,"a":1}`)).toEqual({ a: 1 })
  expect(parseJson(String.raw`{"a":1,"\u0061":2,"a":3}`)).toEqual({ a: 3 })
  expect(parseJson(String.raw`{"\u0031":"x","1":"y"}`)).toEqual({ 1: 'y' })
  const odd = parseJson(String.raw`{"__proto__":{"x":1},"\u005f_proto__":{"y":2},"\n":0}`) as object
  expect(Object.keys(odd)).toEqual(['__proto__', '\n'])
  expect(Object.getPrototypeOf(odd)).toBe(Object.prototype)
})

test('depth and size cost what they do without escapes', () => {
  const deep = `${'{"\\n":['.repeat(50_000)}1${']}'.repeat(50_000)}`
  let value = parseJson(deep)
  let depth = 0
  for (; typeof value === 'object'; depth += 1) value = (value as Record<string, unknown[]>)['\n']![0]
  expect(depth).toBe(50_000)
  // Each text is looked at once: looked at again for each it would be a minute.
  const long = `[${'"",'.repeat(2_000_000)}{"\\n":1}]`
  expect((parseJson(long) as unknown[]).at(-1)).toEqual({ '\n': 1 })
})

test('what is no JSON is refused', () => {
  for (const text of [
    '',
    '{"\\":1}',
    String.raw`{"\x":1}`,
    String.raw`{"a\n":}`,
    String.raw`{"\n":1`,
    String.raw`"\n":1`,
    String.raw`{"\n" "\n":1}`,
  ])
    expect(() => parseJson(text)).toThrow(SyntaxError)
})

/** Pairs of a name and what it has as an object. */
function asObjects(drawn: unknown): unknown {
  if (!Array.isArray(drawn)) return drawn
  const isMembers =
    drawn.length > 0 && drawn.every((each) => Array.isArray(each) && each.length === 2 && typeof each[0] === 'string')
  return isMembers ? Object.fromEntries(drawn.map(([key, value]) => [key, asObjects(value)])) : drawn.map(asObjects)
}
