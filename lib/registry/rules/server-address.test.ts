import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { addressFindings, findingsToAcknowledge, openFindings } from './server-address.ts'

const kinds = (findings: readonly { kind: string }[]) => findings.map(({ kind }) => kind).toSorted()

test('a form offers what the registry demands, also of an address nobody has probed', () => {
  for (const url of [
    'http://10.0.0.5/mcp',
    'https://localhost/mcp',
    'http://127.0.0.1:8080/',
    'https://example.com/',
  ]) {
    const offered = kinds(openFindings(url, { report: null, refusal: {} }))
    expect([url, offered]).toEqual([url, kinds(findingsToAcknowledge(url, null))])
  }
  expect(kinds(openFindings('http://10.0.0.5/mcp', { report: null, refusal: {} }))).toEqual([
    'not_probed',
    'plain_http',
    'private_address',
  ])
})

test('what a refusal names is offered too, once, and nothing else that stands in it', () => {
  const refusal = { rule: 'registry:finding_open', findings: ['not_probed', 'no_authentication', 'anything', 5] }
  const offered = openFindings('https://example.com/', { report: null, refusal })
  expect(kinds(offered)).toEqual(['no_authentication', 'not_probed'])
})

test('an address is read without asking it, by code that a browser can load', () => {
  expect(kinds(addressFindings('http://[::ffff:10.0.0.1]/'))).toEqual(['plain_http', 'private_address'])
  const source = readFileSync(new URL('../../core/address-kind.ts', import.meta.url), 'utf8')
  expect(source).not.toContain("from 'node:")
})
