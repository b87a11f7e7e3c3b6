import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { forbids, permits } from '#lib/dev/test/policy-sets.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import { joinPolicies } from './cedar/split.ts'
import {
  confirmTrialTerms,
  draftPolicySet,
  endLogOnly,
  enforcePolicySet,
  runPolicyReplay,
  setTrialTerms,
  startLogOnly,
  startPolicyReplay,
  withdrawTrialTerms,
} from './commands.ts'
import { getPolicySet, getTrialTerms } from './queries.ts'

const low = { logOnlyMinutes: 10, logOnlyCalls: 1 }
const waits = { changed: false, waits: true }

const told = async (db: Db) => (await auditOf(db, '1')).filter(({ event }) => event.startsWith('policy_trial_terms.'))

const test = dbTest.extend('people', { scope: 'file' }, async ({ db }) => {
  const as = async (role: 'security' | 'platform_admin' | 'builder') =>
    ctxFor(db, await makePerson(db, { roles: [role] }))
  return {
    author: await as('security'),
    second: await as('platform_admin'),
    third: await as('security'),
    builder: await as('builder'),
  }
})

test('less than the defaults holds when somebody else confirms what they read; of two at once one does', async ({
  db,
  people: { author, second, third, builder },
}) => {
  expect(await setTrialTerms(author, low)).toEqual(waits)
  expect(await getTrialTerms(builder)).toMatchObject({
    logOnlyMinutes: 60,
    proposed: { ...low, by: { id: author.actor.id } },
  })
  expect(await confirmTrialTerms(author, low)).toMatchObject({ ok: false, error: { rule: 'policies:own_terms' } })
  const other = await confirmTrialTerms(second, { ...low, logOnlyMinutes: 20 })
  expect(other).toMatchObject({ ok: false, error: { rule: 'policies:not_proposed' } })
  for (const attempt of [setTrialTerms(builder, low), confirmTrialTerms(builder, low), withdrawTrialTerms(builder)]) {
    await expect(attempt).rejects.toMatchObject({ code: 'forbidden', details: { rule: 'permission:policies:manage' } })
  }
  const both = await Promise.all([confirmTrialTerms(second, low), confirmTrialTerms(third, low)])
  expect(both.filter(({ ok }) => ok)).toHaveLength(1)
  expect(both.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'policies:not_proposed' } })
  expect(await getTrialTerms(author)).toMatchObject({ ...low, proposed: null })
  const before = { logOnlyMinutes: 60, logOnlyCalls: 1 }
  expect((await told(db)).map(({ event, rule, detail }) => [event, rule ?? detail])).toEqual([
    ['policy_trial_terms.proposed', { before, after: low }],
    ['policy_trial_terms.refused', 'policies:own_terms'],
    ['policy_trial_terms.refused', 'policies:not_proposed'],
    ['policy_trial_terms.confirmed', { before, after: low, proposedBy: author.actor.name }],
    ['policy_trial_terms.refused', 'policies:not_proposed'],
  ])
  // Raising takes nobody else.
  expect(await setTrialTerms(author, before)).toEqual({ changed: true, waits: false })
})

test('who proposed takes it back, nobody else does, and terms that change end what was proposed', async ({
  db,
  people: { author, second },
}) => {
  await setTrialTerms(author, low)
  expect(await withdrawTrialTerms(second)).toMatchObject({ ok: false, error: { rule: 'policies:not_yours' } })
  const both = await Promise.all([withdrawTrialTerms(author), withdrawTrialTerms(author)])
  expect(both.filter(({ ok }) => ok)).toHaveLength(1)
  expect(await confirmTrialTerms(second, low)).toMatchObject({ error: { rule: 'policies:not_proposed' } })
  expect((await told(db)).filter(({ event }) => event === 'policy_trial_terms.withdrawn')).toMatchObject([
    { detail: low },
  ])
  await setTrialTerms(author, low)
  await setTrialTerms(second, { logOnlyMinutes: 90, logOnlyCalls: 1 })
  expect(await getTrialTerms(author)).toMatchObject({ logOnlyMinutes: 90, proposed: null })
  await setTrialTerms(author, { logOnlyMinutes: 60, logOnlyCalls: 1 })
})

test('what was proposed a week ago is confirmed by nobody, and is proposed anew', async ({
  db,
  people: { author, second },
}) => {
  const week = 7 * 86_400_000
  await setTrialTerms(author, low)
  const then = { ...second, now: new Date(author.now.getTime() + week) }
  const [{ proposed }, { proposed: lapsed }] = [
    await getTrialTerms({ ...second, now: new Date(then.now.getTime() - 1) }),
    await getTrialTerms(then),
  ]
  expect([proposed, lapsed]).toMatchObject([low, null])
  expect(await confirmTrialTerms(then, low)).toMatchObject({ ok: false, error: { rule: 'policies:not_proposed' } })
  expect((await told(db)).at(-1)).toMatchObject({
    event: 'policy_trial_terms.refused',
    rule: 'policies:not_proposed',
  })
  expect(await withdrawTrialTerms({ ...author, now: then.now })).toMatchObject({
    ok: false,
    error: { rule: 'policies:not_proposed' },
  })
  const before = await getTrialTerms(then)
  expect(await setTrialTerms({ ...author, now: then.now }, low)).toEqual(waits)
  expect(await confirmTrialTerms(then, low)).toMatchObject({ ok: true })
  await setTrialTerms(author, { logOnlyMinutes: before.logOnlyMinutes, logOnlyCalls: before.logOnlyCalls })
})

test('who wrote what is log-only does not say by what it is tried', async ({
  db,
  people: { author, second, third },
}) => {
  const inForce = joinPolicies((await db.policySet.findFirstOrThrow({ where: { state: 'enforced' } })).policies)
  const text = `${inForce}\n${forbids('policy_more', 'context.hour == 3')}`
  const drafted = await draftPolicySet(author, { text, note: 'It forbids more.' })
  if (!drafted.ok) throw new Error(drafted.error.message)
  const { number } = drafted.value
  await startLogOnly(second, { number })
  await setTrialTerms(second, low)
  expect(await confirmTrialTerms(author, low)).toMatchObject({ error: { rule: 'policies:own_terms' } })
  expect(await confirmTrialTerms(third, low)).toMatchObject({ ok: true })
  await endLogOnly(second, { number })
})

test('a set that may allow more is tried by its minimum, whatever two people have said', async ({ db, people }) => {
  const later = (minutes: number) => new Date(people.author.now.getTime() + minutes * 60_000)
  const { number: replaces, policies } = await db.policySet.findFirstOrThrow({ where: { state: 'enforced' } })
  const text = `${joinPolicies(policies)}\n${permits('permit_reads', 'resource.class == "read"')}`
  const drafted = await draftPolicySet(people.author, { text, note: 'It permits more.' })
  if (!drafted.ok) throw new Error(drafted.error.message)
  const { number, version } = drafted.value
  // One call decided again shows as little of it as one in log-only.
  await recordCalls(db, { facts: situationFor('old'), calls: 1, at: later(-5) })
  const { replayId } = await startPolicyReplay(people.author, { number, since: '1h' })
  await runPolicyReplay(ctxFor(db), { replayId })
  expect((await getPolicySet(people.second, number)).trial).toMatchObject({
    outcome: 'not_tried',
    replay: { judged: 1 },
  })
  await startLogOnly(people.author, { number })
  await recordCalls(db, { facts: situationFor('live'), calls: 19, at: later(5) })
  expect((await getPolicySet(people.second, number)).trial).toMatchObject({
    loosens: true,
    terms: { logOnlyMinutes: 60, logOnlyCalls: 20 },
  })
  const enforce = (minutes: number) =>
    enforcePolicySet({ ...people.second, now: later(minutes) }, { number, version, replaces })
  expect(await enforce(90)).toMatchObject({ ok: false, error: { rule: 'policies:without_replay' } })
  await recordCalls(db, { facts: situationFor('live'), calls: 1, at: later(5) })
  expect(await enforce(59)).toMatchObject({ ok: false, error: { rule: 'policies:without_replay' } })
  expect(await enforce(60)).toMatchObject({ ok: true })
})
