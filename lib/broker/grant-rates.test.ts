import { expect, test } from 'vitest'
import type { GrantFacts } from '#lib/guardrails/rules/facts.ts'
import { GrantRates } from './grant-rates.ts'

const grant = (id: string, rate: GrantFacts['rate']): GrantFacts => ({
  id,
  serverId: 'erp',
  class: 'read',
  toolName: null,
  via: 'request',
  expiresAt: null,
  rate: rate ?? null,
})
const held = (...grants: GrantFacts[]) => ({ grant: grants.find(({ rate }) => !rate) ?? grants[0]!, grants })

test('of any minute no more calls than the rate says go through, and the refusal says when the next may', () => {
  let now = 0
  const rates = new GrantRates(() => now)
  const three = held(grant('g', { calls: 3, per: 'minute' }))
  const at = (ms: number) => {
    now = ms
    return rates.take(three)
  }
  expect([at(0), at(10_000), at(20_000)]).toEqual([null, null, null])
  expect(at(30_000)).toMatchObject({
    rule: 'grant_rate',
    facts: { used: 3, calls: 3, per: 'minute', retryAfterMs: 30_000 },
  })
  expect(at(60_000)).toBeNull()
  expect(at(60_001)).toMatchObject({ facts: { retryAfterMs: 9999 } })
  expect(at(70_000)).toBeNull()
})

test('a call goes under the grant that has one left; one without a rate counts nothing', () => {
  const rates = new GrantRates(() => 0)
  const both = held(grant('a', { calls: 1, per: 'hour' }), grant('b', { calls: 1, per: 'minute' }))
  expect([rates.take(both), rates.take(both)]).toEqual([null, null])
  expect(rates.take(both)).toMatchObject({ rule: 'grant_rate', facts: { retryAfterMs: 60_000 } })
  const free = held(grant('a', { calls: 1, per: 'hour' }), grant('c', null))
  expect(rates.take(free)).toBeNull()
  // Another rate of the same grant begins anew.
  expect(rates.take(held(grant('a', { calls: 2, per: 'hour' })))).toBeNull()
})
