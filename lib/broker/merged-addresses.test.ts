import { UriTemplate } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergedAddress, mergedPrompt, splitAddress, splitPrompt } from './merged-addresses.ts'
import { mergedResult } from './merged-results.ts'

const serverId = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,30}$/)
const own = fc.oneof(fc.webUrl({ withFragments: true, withQueryParameters: true }), fc.string({ unit: 'binary' }))

test('every address and every name of a prompt comes back as it was, with its server', () => {
  fc.assert(
    fc.property(serverId, own, (id, text) => {
      expect(splitAddress(mergedAddress(id, text))).toEqual({ serverId: id, own: text })
      expect(splitPrompt(mergedPrompt(id, text))).toEqual({ serverId: id, own: text })
    }),
  )
})

test('what differs in server or address differs merged, also where a server takes the scheme of the broker', () => {
  fc.assert(
    fc.property(fc.tuple(serverId, own), fc.tuple(serverId, own), (one, other) => {
      fc.pre(one[0] !== other[0] || one[1] !== other[1])
      expect(mergedAddress(...one)).not.toBe(mergedAddress(...other))
      expect(mergedPrompt(...one)).not.toBe(mergedPrompt(...other))
    }),
  )
  const nested = mergedAddress('erp', mergedAddress('crm', 'doc://x'))
  expect(splitAddress(nested)).toEqual({ serverId: 'erp', own: mergedAddress('crm', 'doc://x') })
})

test.each(['doc://page/{number}', 'file:///{+path}', 'db://{table}{?limit,after}', '{+uri}', 'x:{a,b}#{c}'])(
  'the template %s expands to the merged address of what it expands to',
  (template) => {
    const variables = {
      number: '7',
      path: 'a/b c',
      table: 'ö',
      limit: '3',
      after: 'x',
      uri: 'doc://y',
      a: '1',
      b: '2',
      c: '3',
    }
    const expanded = new UriTemplate(template).expand(variables)
    expect(new UriTemplate(mergedAddress('erp', template)).expand(variables)).toBe(mergedAddress('erp', expanded))
  },
)

test('a client that normalizes addresses leaves a merged one as it is', () => {
  for (const address of ['doc://page/7', 'file:///a/../b', 'http://h//x?y=1#z', 'ui://a/./b', 'urn:isbn:1'])
    expect(new URL(mergedAddress('erp', address)).href).toBe(mergedAddress('erp', address))
})

test.each(['doc://rules', 'wheelhouse:erp', 'wheelhouse::x', 'Xwheelhouse:erp:x'])(
  '%s is no merged address',
  (text) => {
    expect(splitAddress(text)).toBeNull()
  },
)

test('links and embedded resources get their address wherever a result carries them, and nothing else changes', () => {
  const content = [
    { type: 'text', text: 'see doc://rules' },
    { type: 'resource_link', uri: 'doc://rules', name: 'rules' },
    { type: 'resource', resource: { uri: 'doc://rules', text: 'no running' } },
    'odd',
    null,
  ]
  const merged = [
    content[0],
    { type: 'resource_link', uri: 'wheelhouse:erp:doc://rules', name: 'rules' },
    { type: 'resource', resource: { uri: 'wheelhouse:erp:doc://rules', text: 'no running' } },
    'odd',
    null,
  ]
  expect(mergedResult('erp', undefined, { content, structuredContent: { uri: 'doc://rules' } })).toEqual({
    content: merged,
    structuredContent: { uri: 'doc://rules' },
  })
  expect(mergedResult('erp', 'tasks/get', { status: 'completed', result: { content } })).toEqual({
    status: 'completed',
    result: { content: merged },
  })
  const messages = [{ role: 'user', content: content[2] }, { role: 'user', content }, 'odd']
  expect(mergedResult('erp', 'prompts/get', { messages })).toEqual({
    messages: [{ role: 'user', content: merged[2] }, { role: 'user', content: merged }, 'odd'],
  })
})
