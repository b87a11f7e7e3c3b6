import { describe, expect, test } from 'vitest'
import { type Actor, anonymous, type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { permissionsOf, type Role } from '#lib/auth/permissions.ts'
import {
  authorizeForTeam,
  classesCovering,
  classFromAnnotations,
  compareVersions,
  covers,
  mayActForTeam,
} from './rules.ts'

const person = (role: Role, teamIds: string[] = []): Actor => ({
  kind: 'person',
  id: 'p',
  name: 'P',
  email: 'p@example.test',
  roles: [role],
  teamIds,
  permissions: permissionsOf([role]),
})

test('destructive implies write, write implies read, and nothing the other way', () => {
  expect(classesCovering('read')).toEqual(['read', 'write', 'destructive'])
  expect(classesCovering('write')).toEqual(['write', 'destructive'])
  expect(covers('read', 'write')).toBe(false)
})

test('what a server leaves open about a tool counts as the worse', () => {
  expect(classFromAnnotations({})).toBe('destructive')
  expect(classFromAnnotations({ readOnlyHint: 'true', destructiveHint: 'false' })).toBe('destructive')
  expect(classFromAnnotations({ destructiveHint: false })).toBe('write')
  expect(classFromAnnotations({ readOnlyHint: true })).toBe('read')
})

describe('acting for a team', () => {
  test('is for its members, and for roles with agents:any_team', () => {
    expect(mayActForTeam(person('builder', ['ours']), 'ours')).toBe(true)
    expect(mayActForTeam(person('team_lead', ['theirs']), 'ours')).toBe(false)
    expect(mayActForTeam(person('security'), 'ours')).toBe(true)
    expect(mayActForTeam(systemActor('worker'), 'ours')).toBe(true)
    expect(mayActForTeam({ kind: 'agent', id: 'a', name: 'A' }, 'ours')).toBe(false)
    expect(mayActForTeam(anonymous, 'ours')).toBe(false)
  })

  test('is forbidden by name to others', () => {
    const ctx = { actor: person('builder', ['theirs']) } as unknown as Ctx
    const act = () => authorizeForTeam(ctx, 'agents:update', { id: 'ours', name: 'Ours' })
    expect(act).toThrow(
      expect.objectContaining({ code: 'forbidden', details: { rule: 'registry:own_team', teamId: 'ours' } }),
    )
  })
})

test('versions are ordered by their numbers', () => {
  expect(['1.10.0', '1.9.0', '2.0.0', '1.9', 'x'].toSorted(compareVersions)).toEqual([
    'x',
    '1.9.0',
    '1.9',
    '1.10.0',
    '2.0.0',
  ])
})
