import { describe, expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { createDelegation, revokeDelegation } from './commands.ts'
import { listDelegations, listPossibleDelegates, standsInFor } from './queries.ts'

const now = new Date('2026-11-26T09:00:00Z')
const at = (days: number) => new Date(now.getTime() + days * 86_400_000)
type Person = Awaited<ReturnType<typeof makePerson>>
const person = (db: Db, ...roles: Role[]) => makePerson(db, { roles })

const name = (db: Db, who: Person, to: Person, from = 0, until = 7) =>
  createDelegation(ctxFor(db, who, now), {
    delegateId: to.id,
    startsAt: at(from).toISOString(),
    endsAt: at(until).toISOString(),
    reason: 'On leave.',
  })

test('somebody stands in from the first second to the last, by themselves, unless it is ended before', async ({
  db,
}) => {
  const [maya, sam] = [await person(db, 'security'), await person(db, 'security')]
  const made = await name(db, maya, sam, 1, 2)
  if (!made.ok) throw new Error(made.error.message)
  const whom = async (when: Date) =>
    (await standsInFor(ctxFor(db, undefined, when), sam.id)).map((each) => each.person.id)
  expect(await whom(new Date(at(1).getTime() - 1))).toEqual([])
  expect(await whom(at(1))).toEqual([maya.id])
  expect(await whom(new Date(at(2).getTime() - 1))).toEqual([maya.id])
  expect(await whom(at(2))).toEqual([])
  expect(await listDelegations(ctxFor(db, sam, now))).toMatchObject([{ state: 'to_come', person: { id: maya.id } }])
  expect(await listDelegations(ctxFor(db, sam, at(3)), { state: 'all' })).toMatchObject([{ state: 'ended' }])
  expect(await listDelegations(ctxFor(db, await person(db, 'security'), now))).toEqual([])

  const end = { delegationId: made.value.delegationId }
  const stranger = ctxFor(db, await person(db, 'security'), now)
  await expect(revokeDelegation(stranger, end)).rejects.toMatchObject({ code: 'not_found' })
  const ended = await Promise.all([1, 2].map(() => revokeDelegation(ctxFor(db, sam, at(1)), end)))
  expect(ended.filter(({ revoked }) => revoked)).toHaveLength(1)
  expect(await whom(at(1))).toEqual([])
  expect((await auditOf(db, maya.id)).map(({ event }) => event)).toEqual(['delegation.created', 'delegation.revoked'])
  const admin = ctxFor(db, await person(db, 'platform_admin'), now)
  expect((await listDelegations(admin, { state: 'all' })).length).toBeGreaterThan(0)
})

describe('nobody stands in', () => {
  test('who could not decide the same, has left, or is oneself; nor where nothing is decided', async ({ db }) => {
    const maya = await person(db, 'security')
    const refused = async (to: Person, from?: number, until?: number) => {
      const outcome = await name(db, maya, to, from, until)
      return outcome.ok ? null : outcome.error.rule
    }
    expect(await refused(maya)).toBe('delegation:self')
    expect(await refused(await person(db, 'finance'))).toBe('delegation:no_shared_role')
    const left = await person(db, 'security')
    await db.person.update({ where: { id: left.id }, data: { active: false } })
    expect(await refused(left)).toBe('delegation:left')
    const sam = await person(db, 'security')
    expect(await refused(sam, 2, 1)).toBe('delegation:time')
    expect(await refused(sam, -3, -1)).toBe('delegation:time')
    expect(await refused(sam, 0, 93)).toBe('delegation:time')
    expect((await auditOf(db, maya.id)).at(-1)).toMatchObject({ event: 'delegation.refused', rule: 'delegation:time' })
    const lead = await makePerson(db, { roles: ['team_lead'], teamIds: [await makeTeam(db)] })
    expect(await name(db, lead, await person(db, 'team_lead'))).toMatchObject({
      error: { rule: 'delegation:no_shared_role' },
    })
    const ofTheTeam = await makePerson(db, { roles: ['team_lead'], teamIds: lead.teamIds })
    expect(await name(db, lead, ofTheTeam)).toMatchObject({ ok: true })
    const nothing = await createDelegation(ctxFor(db, { ...maya, roles: [] }, now), {
      delegateId: sam.id,
      endsAt: at(1).toISOString(),
      reason: 'On leave.',
    })
    expect(nothing).toMatchObject({ ok: false, error: { rule: 'delegation:nothing_to_delegate' } })
    expect((await listPossibleDelegates(ctxFor(db, maya, now))).map(({ id }) => id)).toContain(sam.id)
  })

  test('in a chain or a cycle, also when both are named at once, nor two for one', async ({ db }) => {
    const people = await Promise.all(['security', 'security', 'security'].map((role) => person(db, role as Role)))
    const [maya, sam, lee] = people as [Person, Person, Person]
    const both = await Promise.all([name(db, maya, sam), name(db, sam, maya)])
    expect(both.filter(({ ok }) => ok)).toHaveLength(1)
    const [away, standsIn] = both[0]?.ok ? [maya, sam] : [sam, maya]
    expect(await name(db, standsIn, lee)).toMatchObject({ error: { rule: 'delegation:no_chain' } })
    expect(await name(db, lee, away)).toMatchObject({ error: { rule: 'delegation:no_chain' } })
    expect(await name(db, away, lee, 6, 8)).toMatchObject({ error: { rule: 'delegation:one_at_a_time' } })
    expect(await name(db, away, lee, 7, 8)).toMatchObject({ ok: true })
  })

  test('without the permission', async ({ db }) => {
    const nobody = { ...(await person(db, 'security')), permissions: new Set<never>() }
    const ctx = ctxFor(db, nobody, now)
    const refused = { code: 'forbidden', details: { permission: 'delegations:own' } }
    const input = { delegateId: nobody.id, endsAt: at(1).toISOString(), reason: 'On leave.' }
    await expect(createDelegation(ctx, input)).rejects.toMatchObject(refused)
    await expect(revokeDelegation(ctx, { delegationId: nobody.id })).rejects.toMatchObject(refused)
    await expect(listDelegations(ctx)).rejects.toMatchObject(refused)
    await expect(listPossibleDelegates(ctx)).rejects.toMatchObject(refused)
  })
})
