import { expect, test } from 'vitest'
import fc from 'fast-check'
import type { SessionAgent } from '../sessions/view.ts'
import { modelNameFor, ownTools, withServerTools } from './toolset.ts'

test('a plain name is server and tool; anything else becomes valid and stays unique', () => {
  expect(modelNameFor('invoices', 'list_invoices', new Set())).toBe('invoices__list_invoices')
  expect(modelNameFor('billing-db', 'query', new Set())).toBe('billing-db__query')
  expect(modelNameFor('erp', 'get.order', new Set())).toMatch(/^erp__get_order_[0-9a-f]{10}$/)
  expect(modelNameFor('a', 'b__c', new Set(['a__b__c']))).not.toBe('a__b__c')
})

test('two tools never share a name, whatever they are called', () => {
  const name = fc.string({ minLength: 1, maxLength: 130, unit: 'grapheme' })
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(name, name), { selector: (pair) => JSON.stringify(pair), maxLength: 30 }),
      (pairs) => {
        const taken = new Set<string>()
        for (const [server, tool] of pairs) {
          const modelName = modelNameFor(server, tool, taken)
          expect(modelName).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
          expect(taken.has(modelName)).toBe(false)
          taken.add(modelName)
        }
      },
    ),
  )
})

test('only enabled tools are offered, each with its own policy', () => {
  const allow = { type: 'always_allow' as const }
  const ask = { type: 'always_ask' as const }
  const agent = {
    tools: [
      {
        type: 'agent_toolset_20260401',
        default_config: { enabled: false, permission_policy: allow },
        configs: [{ name: 'bash', type: 'bash', enabled: true, permission_policy: ask }],
      },
      {
        type: 'mcp_toolset',
        mcp_server_name: 'erp',
        default_config: { enabled: true, permission_policy: allow },
        configs: [{ name: 'drop', enabled: false, permission_policy: allow }],
      },
    ],
  } as unknown as SessionAgent
  const own = { tools: ownTools(agent), listed: [] }
  const tool = (name: string) => ({ name, inputSchema: {}, repeatable: false })
  const toolset = withServerTools(own, agent, { name: 'erp', tools: [tool('read'), tool('drop')] })
  expect(toolset.tools.map(({ modelName, policy }) => [modelName, policy])).toEqual([
    ['bash', 'always_ask'],
    ['erp__read', 'always_allow'],
  ])
  expect(withServerTools(toolset, agent, { name: 'unknown', tools: [tool('x')] }).tools).toHaveLength(2)
})
