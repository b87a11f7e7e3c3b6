import { describe, expect, test } from 'vitest'
import { rolesFromGroups, signInRefusalText, tokenState } from './rules.ts'

const now = new Date('2026-11-22T12:00:00Z')
const later = new Date('2026-11-22T12:00:01Z')

describe('roles from groups', () => {
  const mapping = [
    { group: 'wh-security', role: 'security' },
    { group: 'wh-security', role: 'on_call' },
    { group: 'wh-root', role: 'emperor' },
    { group: 'platform', role: 'platform_admin' },
  ]

  test.each([
    [['wh-security'], ['on_call', 'security']],
    [
      ['platform', 'wh-security', 'platform'],
      ['on_call', 'platform_admin', 'security'],
    ],
    [[], []],
    [['WH-SECURITY'], []],
    [['somewhere-else'], []],
    [['wh-root'], []],
  ])('%j give %j', (groups, roles) => expect(rolesFromGroups(groups, mapping)).toEqual(roles))
})

test.each([
  [{ expiresAt: later, revokedAt: null }, 'active'],
  [{ expiresAt: now, revokedAt: null }, 'expired'],
  [{ expiresAt: later, revokedAt: now }, 'revoked'],
  [{ expiresAt: now, revokedAt: now }, 'revoked'],
] as const)('a token with %j is %s', (token, state) => expect(tokenState(token, now)).toBe(state))

test('an unknown reason of a refused sign-in is told in general words', () => {
  expect(signInRefusalText('<script>')).not.toContain('<')
  expect(signInRefusalText('deactivated')).toContain('deactivated')
})
