import { expect, test } from 'vitest'
import { fittingGrants } from './conditions.ts'
import type { GrantFacts } from './facts.ts'

const grantOf = (id: string, most: number): GrantFacts => ({
  id,
  serverId: 'erp',
  toolName: null,
  class: 'write',
  via: 'request',
  expiresAt: null,
  conditions: [{ pointer: '/items/*/amount', range: { max: most } }],
})

test('arguments are held against a grant once, however often a call is decided about', () => {
  let reads = 0
  const item = {
    get amount() {
      reads += 1
      return 100
    },
  }
  const given = { items: [item] }
  const [low, high] = [grantOf('low', 50), grantOf('high', 500)]
  for (let time = 0; time < 5; time += 1) expect(fittingGrants([low, high], given)).toEqual([high])
  expect(reads).toBe(2)
  // What has changed is another object.
  expect(fittingGrants([{ ...low, conditions: high.conditions! }], given)).toHaveLength(1)
  expect(fittingGrants([high], { items: [{ amount: 900 }] })).toEqual([])
})
