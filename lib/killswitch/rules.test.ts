import { expect, test } from 'vitest'
import { findStop, stopMatches } from './rules.ts'
import { orderStopInput, type StopScope } from './schema.ts'

const call = { agentId: 'a', teamId: 't', serverId: 's', tool: 'x/y' }
const run = { agentId: 'a', teamId: 't' }

test.each<[StopScope, string, boolean, boolean]>([
  ['organization', 'organization', true, true],
  ['team', 't', true, true],
  ['team', 'other', false, false],
  ['agent', 'a', true, true],
  ['agent', 'other', false, false],
  ['server', 's', true, false],
  ['server', 'other', false, false],
  ['tool', 's/x/y', true, false],
  ['tool', 's/x', false, false],
  ['tool', 'other/x/y', false, false],
])('an order on %s %s forbids the call: %s, the run: %s', (scope, targetId, forbidsCall, forbidsRun) => {
  expect(stopMatches({ scope, targetId }, call)).toBe(forbidsCall)
  expect(stopMatches({ scope, targetId }, run)).toBe(forbidsRun)
})

test('an order of an unknown scope forbids everything', () => {
  expect(stopMatches({ scope: 'galaxy' as StopScope, targetId: 'andromeda' }, run)).toBe(true)
})

test('the widest order is the one that is named', () => {
  const orders = [
    { scope: 'agent', targetId: 'a' },
    { scope: 'organization', targetId: 'organization' },
  ] as const
  expect(findStop(orders, run)?.scope).toBe('organization')
  expect(findStop(orders.slice(0, 1), { agentId: 'b', teamId: 't' })).toBeUndefined()
})

test('a target must be named, except for the organization', () => {
  const reason = 'because'
  expect(orderStopInput.safeParse({ scope: 'organization', reason }).success).toBe(true)
  expect(orderStopInput.safeParse({ scope: 'agent', reason }).success).toBe(false)
  expect(orderStopInput.safeParse({ scope: 'agent', targetId: 'a', reason: ' ' }).success).toBe(false)
})
