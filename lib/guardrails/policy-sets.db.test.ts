import { expect } from 'vitest'
import { anonymous } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { syncPolicySets } from './commands.ts'

dbTest(
  'the policies of a release are number 1 and enforced in an empty database, however many processes start',
  async ({ db }) => {
    await db.$executeRaw`truncate "PolicySet"`
    const outcomes = await Promise.all([syncPolicySets(ctxFor(db)), syncPolicySets(ctxFor(db))])
    expect(new Set(outcomes.map(({ created }) => created))).toEqual(new Set([1, null]))
    const sets = await db.policySet.findMany()
    expect(sets).toMatchObject([{ number: 1, state: 'enforced', origin: 'release', basedOn: null }])
    expect(sets[0]!.policies).toHaveLength(4)
    const events = (await auditOf(db, '1')).filter(({ event }) => event === 'policy_set.imported')
    expect(events.at(-1)).toMatchObject({ detail: { number: 1, state: 'enforced', version: sets[0]!.version } })
  },
)

dbTest('other policies of a later release come as a draft, once, and change nothing by themselves', async ({ db }) => {
  await db.$executeRaw`truncate "PolicySet"`
  const { number } = await enforcePolicies(db, [permitsGranted])
  expect(await syncPolicySets(ctxFor(db))).toEqual({ created: number + 1 })
  expect(await syncPolicySets(ctxFor(db))).toEqual({ created: null })
  const sets = await db.policySet.findMany({ orderBy: { number: 'asc' }, select: { state: true, note: true } })
  expect(sets.map(({ state }) => state)).toEqual(['enforced', 'draft'])
  expect(sets[1]!.note).toMatch(/come with release \d/)
})

dbTest('who may not manage policies brings none in', async ({ db }) => {
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  await expect(syncPolicySets(builder)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(syncPolicySets(ctxFor(db, anonymous))).rejects.toMatchObject({ code: 'unauthenticated' })
})

dbTest('what was enforced keeps its text, and no set is deleted', async ({ db }) => {
  const { number } = await enforcePolicies(db, [permitsGranted])
  const rewrite = db.policySet.update({ where: { number }, data: { policies: [] } })
  await expect(rewrite).rejects.toThrow(/not a draft any more/)
  await expect(db.policySet.delete({ where: { number } })).rejects.toThrow(/never deleted/)
})
