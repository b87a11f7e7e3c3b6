import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaderValue, headerValue, paramHeaders } from './param-headers.ts'
import { SseReader } from './sse.ts'

test('events are read whole, however the stream is cut', () => {
  const stream = Buffer.from(
    ': ping\r\nevent: message\r\nid: 1\r\ndata: {"a":"ä"}\r\n\r\ndata: one\ndata: two\n\nid: 2\n\ndata: rest',
  )
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 6 }), (cuts) => {
      const reader = new SseReader()
      const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length]
      const events = edges.slice(1).flatMap((end, at) => reader.push(stream.subarray(edges[at], end)))
      expect(events).toEqual(['{"a":"ä"}', 'one\ntwo'])
    }),
  )
})

test('a header value comes back as it was, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(headerValue(text)).toMatch(/^[\x20-\x7E]*$/)
      expect(decodeHeaderValue(headerValue(text))).toBe(text)
    }),
  )
  expect(decodeHeaderValue('=?base64?***?=')).toBeNull()
})

test('declared arguments travel as headers too, at any depth, and nothing else does', () => {
  const schema = {
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      filter: { properties: { limit: { type: 'integer', 'x-mcp-header': 'Limit' } } },
      secret: { type: 'string' },
    },
    items: { properties: { hidden: { 'x-mcp-header': 'Hidden' } } },
  }
  expect(paramHeaders(schema, { region: 'Zürich', filter: { limit: 5 }, secret: 'x', hidden: 'y' })).toEqual({
    'mcp-param-Region': '=?base64?WsO8cmljaA==?=',
    'mcp-param-Limit': '5',
  })
  expect(paramHeaders(schema, { region: null })).toEqual({})
})
