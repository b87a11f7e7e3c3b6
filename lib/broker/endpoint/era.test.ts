import { classifyInboundRequest } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { modernVersion, PlainRequests } from './era.ts'

const envelope = {
  'io.modelcontextprotocol/protocolVersion': modernVersion,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** What the SDK says; undefined when it refuses. */
function said(body: object, headers: { version: string | undefined; method: string | undefined }): string | undefined {
  const { version, method } = headers
  const outcome = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(version === undefined ? {} : { protocolVersionHeader: version }),
    ...(method === undefined ? {} : { mcpMethodHeader: method }),
  })
  return outcome.kind === 'reject' ? undefined : outcome.kind
}

test('where it says an era the SDK says the same, whatever the request', () => {
  const plain = new PlainRequests()
  plain.remember(envelope)
  const token = fc.record({ progressToken: fc.jsonValue(), traceparent: fc.string() }, { requiredKeys: [] })
  const ours = token.map((more) => ({ ...envelope, ...more }))
  const sound = fc.record({ name: fc.string(), arguments: fc.object(), _meta: ours }, { requiredKeys: [] })
  const params = fc.oneof(sound, fc.record({ _meta: fc.jsonValue() }), fc.jsonValue(), fc.constant(undefined))
  const rest = {
    id: fc.oneof(fc.string(), fc.integer(), fc.double()),
    method: fc.constantFrom('tools/call', 'tools/list', 'resources/read'),
    params,
  }
  const body = fc.oneof(
    fc.record({ jsonrpc: fc.constant('2.0'), ...rest }),
    fc.record(
      { jsonrpc: fc.constantFrom('2.0', '1.0', 2), more: fc.anything(), ...rest },
      { requiredKeys: ['id', 'method'] },
    ),
  )
  const version = fc.constantFrom(
    undefined,
    '2025-11-25',
    '2025-03-26',
    modernVersion,
    '2027-01-01',
    ' 2025-11-25',
    'x',
  )
  const method = fc.constantFrom(undefined, 'tools/call', 'tools/list')
  let known = 0
  fc.assert(
    fc.property(body, version, method, (given, versionHeader, methodHeader) => {
      const headers = { version: versionHeader, method: methodHeader }
      const era = plain.eraOf(given, headers)
      if (era === undefined) return
      known += 1
      expect(said(given, headers)).toBe(era)
    }),
    { numRuns: 3000 },
  )
  expect(known).toBeGreaterThan(100)
})

test('an envelope that was not looked at, or another method in the header, is left to the SDK', () => {
  const plain = new PlainRequests()
  const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a', _meta: envelope } }
  expect(plain.eraOf(request, { version: modernVersion, method: 'tools/call' })).toBeUndefined()
  plain.remember(envelope)
  expect(plain.eraOf(request, { version: modernVersion, method: 'tools/call' })).toBe('modern')
  expect(plain.eraOf(request, { version: modernVersion, method: 'tools/list' })).toBeUndefined()
  expect(plain.eraOf(request, { version: '2025-11-25', method: 'tools/call' })).toBeUndefined()
})
