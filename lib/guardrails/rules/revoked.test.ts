import { expect, test } from 'vitest'
import { decideCaller, isRevoked } from './decide.ts'
import type { PolicyView } from './facts.ts'

const caller = { agentId: 'one', version: 1, runId: null, revocableAs: ['client:one', 'token:two'] }

test('a revoked token, or one of a revoked credential, is good for nothing, whoever has it', () => {
  const view = { agents: new Map(), servers: new Map(), runs: new Map(), stops: [] } as unknown as PolicyView
  const ruleWith = (...revoked: string[]) => {
    const decision = decideCaller(caller, { ...view, revoked: new Set(revoked) })
    return decision.ok ? 'allowed' : decision.error.rule
  }
  expect(ruleWith('client:other', 'token:one')).toBe('agent_unknown')
  expect(ruleWith('client:one')).toBe('token_revoked')
  expect(ruleWith('token:two')).toBe('token_revoked')
})

test('who has no token has none that is revoked', () => {
  expect(isRevoked({}, new Set(['client:one']))).toBe(false)
  expect(isRevoked(caller, new Set(['client:one']))).toBe(true)
})
