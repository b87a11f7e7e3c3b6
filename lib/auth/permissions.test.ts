import { expect, test } from 'vitest'
import { permissions, permissionsOf, roles, rolesWith } from './permissions.ts'

test('an unknown role grants nothing', () => {
  expect(permissionsOf(['root', 'admin', '__proto__', 'constructor']).size).toBe(0)
})

test('roles add up', () => {
  const both = permissionsOf(['finance', 'security'])
  expect(both.has('costs:manage') && both.has('scopes:approve')).toBe(true)
})

test('every permission can be had by someone', () => {
  for (const permission of permissions) expect(rolesWith(permission).length).toBeGreaterThan(0)
})

test('who builds agents cannot approve their scopes', () => {
  for (const role of roles) {
    const has = permissionsOf([role])
    expect(has.has('scopes:request') && has.has('scopes:approve')).toBe(false)
  }
})
