import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '#lib/core/canonical-json.ts'
import { parseJson } from '#lib/core/parse-json.ts'
import { saidResult } from '../merged-results.ts'
import type { AgentRequest } from '../pipeline-parts.ts'
import { membersFor } from './resource-members.ts'

function pass(text: string, size: number, request: Parameters<typeof membersFor>[0]): string {
  const members = membersFor(request, 'files')!
  const bytes = Buffer.from(text)
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) parts.push(Buffer.from(members.push(bytes.subarray(at, at + size))))
  return Buffer.concat(parts).toString('utf8')
}

const word = fc.oneof(fc.string(), fc.constantFrom('uri', 'contents', 'ttlMs', '"', '\\', '\\"', ',{}[]:', 'Grüße 🙂'))
const content = fc.record(
  { uri: word, mimeType: word, text: word, _meta: fc.dictionary(word, fc.json({ maxDepth: 1 })), uris: fc.array(word) },
  { requiredKeys: [] },
)
const result = fc
  .record(
    {
      contents: fc.oneof(fc.array(content, { maxLength: 3 }), fc.constant('none'), fc.constant({ uri: 'a' })),
      ttlMs: fc.oneof(fc.integer(), fc.constantFrom(null, 'long', { uri: 1 }, [1])),
      cacheScope: fc.constantFrom('public', 'private'),
      resultType: fc.constant('complete'),
      uri: word,
      nested: fc.record({ ttlMs: fc.integer(), contents: fc.array(content, { maxLength: 1 }) }),
      _meta: fc.dictionary(word, word),
    },
    { requiredKeys: ['contents'] },
  )
  .chain((fields) => fc.shuffledSubarray(Object.entries(fields), { minLength: Object.keys(fields).length }))
  .map((entries) => Object.fromEntries(entries) as Record<string, unknown>)

test(
  'a resource that passes says what it says when it is held, wherever the chunks part it',
  { timeout: 60_000 },
  () => {
    fc.assert(
      fc.property(
        result,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('modern' as const, 'legacy' as const),
        fc.constantFrom('files', null),
        fc.constantFrom(0, 2),
        (fields, size, era, serverId, spaces) => {
          const request = { era, serverId, method: 'resources/read' as const }
          const held = saidResult(request as AgentRequest, 'files', fields)
          if (era === 'legacy') delete held['resultType']
          const out = pass(JSON.stringify(fields, null, spaces), size, request)
          expect(canonicalJson(parseJson(out))).toBe(canonicalJson(held))
          // No name stands there twice: whoever reads the first of two would read another result.
          if (spaces === 0) expect(JSON.stringify(parseJson(out))).toHaveLength(out.length)
        },
      ),
      { numRuns: 400 },
    )
  },
)

test('a key or an address without end is not held, and results of tools pass as they are', () => {
  const request = { era: 'modern', serverId: null, method: 'resources/read' } as const
  const long = JSON.stringify({ contents: [{ uri: 'x'.repeat(100_000) }] })
  expect(() => pass(long, 10_000, request)).toThrow('too long')
  expect(() => pass(JSON.stringify({ ['k'.repeat(100_000)]: 1 }), 10_000, request)).toThrow('too long')
  expect(membersFor({ era: 'modern', serverId: null }, 'files')).toBeNull()
})
