import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ResultScanner, ScanError } from './result-scanner.ts'

const members = ['result', 'jsonrpc', 'id', 'error', 'extra']

/** Scans a text in chunks of the given sizes, again and again. */
function scan(text: string, sizes: readonly number[], depthMax = 64) {
  const scanner = new ResultScanner({ depthMax })
  const bytes = Buffer.from(text)
  const parts: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!
    parts.push(...scanner.push(bytes.subarray(at, at + size)).map((part) => Buffer.from(part)))
    at += size
  }
  return { scanner, result: Buffer.concat(parts).toString('utf8') }
}

test(
  'whatever the chunks and the order of members, the result comes out as it went in, and the rest is known',
  { timeout: 60_000 },
  () => {
    const json = fc.json({ depthSize: 'small', stringUnit: 'binary' }).map((text) => JSON.parse(text) as unknown)
    const result = fc.dictionary(fc.string({ unit: 'binary' }), json, { maxKeys: 5 })
    const order = fc.shuffledSubarray(members, { minLength: members.length })
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
    const indent = fc.constantFrom(undefined, 2)
    const isError = fc.constantFrom({}, { isError: true }, { isError: false }, { isError: ['true'] })
    fc.assert(
      fc.property(result, order, sizes, indent, isError, json, (value, keys, chunks, space, flag, extra) => {
        const wanted = { ...value, ...flag }
        const all: Record<string, unknown> = { result: wanted, jsonrpc: '2.0', id: 7, error: null, extra }
        const text = JSON.stringify(Object.fromEntries(keys.map((key) => [key, all[key]])), null, space)
        const scanned = scan(text, chunks)
        expect(JSON.parse(scanned.result)).toEqual(JSON.parse(JSON.stringify(wanted)))
        expect(scanned.scanner.done).toBe(true)
        expect(scanned.scanner.member('id')).toBe(7)
        expect(scanned.scanner.member('extra')).toEqual(JSON.parse(JSON.stringify(extra)))
        expect(scanned.scanner.isError).toBe((wanted as { isError?: unknown }).isError === true)
      }),
      { numRuns: 60 },
    )
  },
)

test('an isError deeper in the result, or beside it, says nothing about the call', () => {
  const text = '{"isError":true,"result":{"content":[{"isError":true}],"structuredContent":{"isError":true}},"id":1}'
  expect(scan(text, [3]).scanner.isError).toBe(false)
})

test.each([
  ['[1]', /not one JSON object/],
  ['"text"', /not one JSON object/],
  ['{"result":{}} {"result":{}}', /not one JSON object/],
  ['{"result":{},"result":{}}', /two results/],
  ['{"result":7}', /no object/],
  ['{"result":[]}', /no object/],
  ['{"result":{]}', /do not match/],
  ['{"id":nonsense}', /no JSON/],
  ['{"result":{"a" "b":1}}', null],
  ['{"a"::1}', /colon/],
])('what is wrong in %j is seen, or left to its reader', (text, message) => {
  const scanned = () => scan(text, [5])
  if (message) expect(scanned).toThrow(message)
  // What is wrong within a literal of the result only its reader sees.
  else expect(scanned().scanner.done).toBe(true)
})

test('what stands beside the result has a limit', () => {
  expect(() => scan(`{"error":"${'x'.repeat(70_000)}"}`, [5000])).toThrow(/too long/)
})

test('many members beside the result have a limit together', () => {
  const many = Array.from({ length: 3000 }, (_, at) => `"m${at}":"${'x'.repeat(30)}"`).join(',')
  expect(() => scan(`{${many},"result":{}}`, [5000])).toThrow(/too long/)
})

test('what the result calls itself is known, the last word counts', () => {
  const text = String.raw`{"id":1,"result":{"resultType":"complete","a":[{"resultType":"x"}],"result\u0054ype":"input_required"}}`
  expect(scan(text, [4]).scanner.resultType).toBe('input_required')
  expect(scan('{"result":{"a":1}}', [4]).scanner.resultType).toBeUndefined()
})

test('nesting ends at the limit, in a chunk of any size', () => {
  const deep = (levels: number) => `{"result":{"a":${'['.repeat(levels)}${']'.repeat(levels)}},"id":1}`
  expect(scan(deep(15), [4], 16).scanner.done).toBe(true)
  expect(() => scan(deep(16), [4], 16)).toThrow(ScanError)
  try {
    scan(deep(50_000), [1000], 16)
  } catch (error) {
    expect((error as ScanError).tooDeep).toBe(true)
  }
})
