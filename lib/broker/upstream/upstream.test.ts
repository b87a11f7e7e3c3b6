import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SseSplitter } from '../large/sse-splitter.ts'
import { hasSoundHeaders } from '#lib/registry/rules/sound-headers.ts'
import { decodeHeaderValue, headerValue, paramHeaders } from './param-headers.ts'
import { createRedact } from '#lib/core/redaction.ts'

test('events are read whole, however the stream is cut', () => {
  const stream = Buffer.from(
    ': ping\r\nevent: other\r\nid: 1\r\ndata: {"a":"ä"}\r\n\r\ndata: one\ndata: two\n\nid: 2\nretry: 300\n\nretry: 400\n\ndata: rest',
  )
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 6 }), (cuts) => {
      const reader = new SseSplitter({ holdBytesMax: 1000 })
      const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length]
      const events = edges.slice(1).flatMap((end, at) => reader.push(stream.subarray(edges[at], end)))
      expect(events).toEqual([
        { kind: 'event', data: '{"a":"ä"}', type: 'other', id: '1', retry: null },
        { kind: 'event', data: 'one\ntwo', type: 'message', id: null, retry: null },
        { kind: 'event', data: '', type: 'message', id: '2', retry: 300 },
        { kind: 'event', data: '', type: 'message', id: null, retry: 400 },
      ])
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

test.each([
  [{ a: { type: 'string', 'x-mcp-header': 'Region' }, b: { type: 'integer', 'x-mcp-header': 'Zone' } }, true],
  [{ a: { type: 'string' } }, true],
  [{ a: { type: 'string', 'x-mcp-header': '' } }, false],
  [{ a: { type: 'string', 'x-mcp-header': 'a b' } }, false],
  [{ a: { type: 'number', 'x-mcp-header': 'A' } }, false],
  [{ a: { type: 'object', properties: { b: { type: 'array', 'x-mcp-header': 'A' } } } }, false],
  [{ a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } }, false],
])('a tool whose parameters are %j may be used: %s', (properties, sound) => {
  expect(hasSoundHeaders({ type: 'object', properties })).toBe(sound)
})

test('a secret is taken out in every form a server may say it in, and nothing else is touched', () => {
  fc.assert(
    fc.property(
      fc.string({
        minLength: 8,
        maxLength: 60,
        unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
      }),
      fc.string({ maxLength: 5 }),
      (secret, before) => {
        const redact = createRedact([secret])
        const escaped = secret.replace(/[^]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
        const forms = {
          plain: `${before}${secret}!`,
          json: JSON.stringify({ text: `${before}${secret}` }),
          unicode: `"${escaped}"`,
          url: `?q=${encodeURIComponent(secret)}&`,
          form: new URLSearchParams({ q: secret }).toString(),
          hex: Buffer.from(secret).toString('hex'),
          base64: Buffer.from(`${before}${secret}${before}`).toString('base64'),
          base64url: Buffer.from(`${before}${secret}`).toString('base64url'),
        }
        for (const [name, text] of Object.entries(forms))
          expect([name, redact(text)]).toEqual([name, expect.stringContaining('[redacted]')])
        expect(redact('nothing of it')).toBe('nothing of it')
      },
    ),
    { numRuns: 50 },
  )
})
