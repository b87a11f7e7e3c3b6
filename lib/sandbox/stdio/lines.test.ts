import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter, type LongLine } from './lines.ts'

function split(chunks: readonly Uint8Array[], bytesMax: number) {
  const lines: string[] = []
  const long: LongLine[] = []
  const splitter = new LineSplitter({
    bytesMax,
    onLine: (line) => lines.push(line),
    onLongLine: (line) => long.push(line),
  })
  for (const chunk of chunks) splitter.push(chunk)
  return { lines, long }
}

test('gives the same lines however they are cut', () => {
  const line = fc
    .string({ unit: 'binary', maxLength: 40 })
    .map((text) => `a${text.replaceAll(/[\n\ud800-\udfff]/g, '·')}b`)
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((each) => `${each}\n`).join(''))
        const chunks: Buffer[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = cuts[turn % cuts.length]!
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(split(chunks, 4096)).toEqual({ lines, long: [] })
      },
    ),
  )
})

test('lets a line that is too long pass without keeping it, and goes on after it', () => {
  const long = `{"id":7,${'x'.repeat(200_000)},"jsonrpc":"2.0"}`
  const bytes = Buffer.from(`first\n${long}\n\n   \nlast\nunfinished`)
  for (const size of [1, 1000, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    )
    const seen = split(chunks, 100_000)
    expect(seen.lines).toEqual(['first', 'last'])
    expect(seen.long.map(({ bytes }) => bytes)).toEqual([long.length])
    expect(seen.long[0]!.head).toBe(long.slice(0, 256))
    expect(seen.long[0]!.tail).toBe(long.slice(-256))
  }
})

test('a long line is taken while it comes, once it is known whose it is', () => {
  const bytes = Buffer.from(`short\n{"mine":${'x'.repeat(5000)}}\n{"other":${'y'.repeat(5000)}}\nlast\n`)
  for (const size of [1, 700, bytes.length]) {
    const seen: string[] = []
    const splitter = new LineSplitter({
      bytesMax: 100_000,
      onLine: (line) => seen.push(line.slice(0, 9)),
      onLongLine: () => {},
      large: {
        fromBytes: 1000,
        take(begin) {
          if (!begin.toString().startsWith('{"mine"')) return null
          let taken = begin.length
          return { write: (part) => (taken += part.length), end: () => seen.push(`taken ${taken}`) }
        },
      },
    })
    for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size))
    expect(seen).toEqual(['short', 'taken 5009', '{"other":', 'last'])
  }
})
