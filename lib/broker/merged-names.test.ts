import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergedName, resolveMerged } from './merged-names.ts'
import type { BrokeredServer } from './view/view.ts'

const serverId = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/)
const two = { minLength: 2, maxLength: 4 }
const toolName = fc.oneof(fc.stringMatching(/^[a-zA-Z0-9_./-]{1,128}$/), fc.string({ minLength: 1 }))

test('every merged name is one the Messages API takes, and names its tool back', () => {
  fc.assert(
    fc.property(serverId, fc.uniqueArray(toolName, { minLength: 1, maxLength: 8 }), (id, names) => {
      const servers = new Map([[id, serverOf(id, names)]])
      for (const tool of names) {
        expect(mergedName(id, tool)).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
        expect(resolveMerged(servers, mergedName(id, tool))).toEqual({ serverId: id, tool })
      }
    }),
  )
})

test('tools of servers with long ids that begin alike never share a merged name, however much of it is cut', () => {
  // Up to 63 characters, which leave room for little more than the hash.
  const ids = fc
    .tuple(fc.stringMatching(/^[a-z][a-z0-9-]{44,60}$/), fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,2}$/), two))
    .map(([begin, ends]) => ends.map((end) => begin + end))
  const tools = fc
    .tuple(fc.stringMatching(/^[a-z_./]{20,60}$/), fc.uniqueArray(fc.string({ maxLength: 8 }), two))
    .map(([begin, ends]) => ends.map((end) => begin + end))
  fc.assert(
    fc.property(ids, tools, (serverIds, names) => {
      const servers = new Map(serverIds.map((id) => [id, serverOf(id, names)]))
      const all = serverIds.flatMap((id) => names.map((tool) => ({ serverId: id, tool })))
      const merged = all.map(({ serverId: id, tool }) => mergedName(id, tool))
      expect(new Set(merged).size).toBe(all.length)
      expect(merged.every((name) => name.length <= 64)).toBe(true)
      expect(merged.map((name) => resolveMerged(servers, name))).toEqual(all)
    }),
  )
})

test('a tool cannot be named so that it takes the shortened name of another', () => {
  const long = 'get_'.repeat(30)
  const taken = mergedName('erp', long).slice('erp__'.length)
  const servers = new Map([['erp', serverOf('erp', [long, taken])]])
  expect(mergedName('erp', taken)).not.toBe(mergedName('erp', long))
  expect(resolveMerged(servers, mergedName('erp', long))).toEqual({ serverId: 'erp', tool: long })
})

test('a plain name stays as it is; a name of no server means nothing', () => {
  const servers = new Map([['erp', serverOf('erp', ['get_order', '_odd__one'])]])
  expect(mergedName('erp', 'get_order')).toBe('erp__get_order')
  expect(resolveMerged(servers, 'erp___odd__one')).toEqual({ serverId: 'erp', tool: '_odd__one' })
  expect(resolveMerged(servers, 'erp__gone')).toEqual({ serverId: 'erp', tool: 'gone' })
  expect(resolveMerged(servers, 'crm__get_order')).toBeNull()
  expect(resolveMerged(servers, 'get_order')).toBeNull()
})

function serverOf(id: string, names: readonly string[]): BrokeredServer {
  const tools = names.map((name) => [
    name,
    { serverId: id, name, class: 'read', state: 'approved', definition: {} } as const,
  ])
  return { id, tools: new Map(tools as never) } as unknown as BrokeredServer
}
