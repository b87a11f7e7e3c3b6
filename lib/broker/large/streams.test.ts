import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SseSplitter } from './sse-splitter.ts'

function chunked(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += sizes[(chunks.length - 1) % sizes.length]!) {
    chunks.push(bytes.subarray(at, at + sizes[chunks.length % sizes.length]!))
  }
  return chunks
}

const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 })
const line = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !/[\r\n]/.test(text))

test('events come out as they were written, the small whole and the large in pieces, whatever the chunks', () => {
  const event = fc.record({ lines: fc.array(line, { minLength: 1, maxLength: 3 }), end: fc.constantFrom('\n', '\r\n') })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), sizes, (events, chunks) => {
      const wire = events.map(({ lines, end }) => [': note', ...lines.map((text) => `data: ${text}`), '', ''].join(end))
      const splitter = new SseSplitter({ holdBytesMax: 40 })
      const seen: string[] = []
      let large: Buffer[] | null = null
      for (const chunk of chunked(Buffer.from(wire.join('')), chunks)) {
        for (const item of splitter.push(chunk)) {
          if (item.kind === 'event') seen.push(item.data)
          else {
            large ??= []
            large.push(Buffer.from(item.bytes))
            if (!item.last) continue
            seen.push(Buffer.concat(large).toString('utf8').replaceAll('\r', ''))
            large = null
          }
        }
      }
      expect(seen).toEqual(events.map(({ lines }) => lines.join('\n')))
    }),
    { numRuns: 200 },
  )
})
