import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergedName, resolveMerged } from './merged-names.ts'
import type { BrokeredServer } from './view/view.ts'

const serverId = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/)
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
