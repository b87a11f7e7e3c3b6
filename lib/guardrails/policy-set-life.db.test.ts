import { expect } from 'vitest'
import { anonymous } from '#lib/auth/ctx.ts'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import {
  discardPolicySet,
  draftPolicySet,
  endLogOnly,
  enforcePolicySet,
  rollBackPolicySet,
  setTrialTerms,
  startLogOnly,
} from './commands.ts'
import { policiesOf } from './queries/policies.ts'
import { checkPolicyText, explainStoredRule, getPolicySet, listPolicySets, policySetsInUse } from './queries.ts'

const textOf = (id: string) => `${permitsGranted}\n\n${forbids(id, 'resource.class == "destructive"')}`
const reason = 'There is no time to replay it first.'

const test = dbTest.extend('people', { scope: 'file' }, async ({ db }) => {
  const as = async (role: Role) => ctxFor(db, await makePerson(db, { roles: [role] }))
  return { author: await as('security'), second: await as('platform_admin'), third: await as('security') }
})

const inForce = async (db: Db) => (await db.policySet.findFirst({ where: { state: 'enforced' } }))!

async function drafted(ctx: ReturnType<typeof ctxFor>, id: string) {
  const outcome = await draftPolicySet(ctx, { text: textOf(id), note: `Draft of ${id}.` })
  if (!outcome.ok) throw new Error(outcome.error.message)
  return outcome.value
}

test('a draft is saved only when it type-checks; the same text once more changes nothing', async ({ db, people }) => {
  const { author } = people
  const wrong = draftPolicySet(author, {
    text: textOf('policy_a').replace('resource.class', 'resource.colour'),
    note: 'Wrong.',
  })
  await expect(wrong).rejects.toMatchObject({ code: 'invalid', details: { rule: 'policies:invalid', line: 11 } })
  const { number, version } = await drafted(author, 'policy_a')
  expect(await db.policySet.findUnique({ where: { number } })).toMatchObject({
    state: 'draft',
    basedOn: 1,
    origin: 'person',
  })
  const other = await draftPolicySet(author, { text: textOf('policy_a'), note: 'From it.', basedOn: number })
  expect(await db.policySet.findUnique({ where: { number: other.ok ? other.value.number : 0 } })).toMatchObject({
    basedOn: number,
  })
  const lost = draftPolicySet(author, { text: textOf('policy_a'), note: 'From nothing.', basedOn: 999 })
  await expect(lost).rejects.toMatchObject({ code: 'not_found' })
  const again = await draftPolicySet(author, { number, version, text: textOf('policy_a'), note: 'Draft of policy_a.' })
  expect(again).toMatchObject({ ok: true, value: { changed: false } })
  const edited = await draftPolicySet(author, { number, version, text: textOf('policy_b'), note: 'Another.' })
  expect(edited).toMatchObject({ ok: true, value: { changed: true } })
  const events = await auditOf(db, String(number))
  expect(events.map(({ event }) => event)).toEqual(['policy_set.drafted', 'policy_set.edited'])
})

test('who changes a draft that another one has changed since they read it is told; so is who changes what is in force', async ({
  db,
  people,
}) => {
  const { author, second } = people
  const { number, version } = await drafted(author, 'policy_c')
  const outcomes = await Promise.all([
    draftPolicySet(author, { number, version, text: textOf('policy_d'), note: 'Mine.' }),
    draftPolicySet(second, { number, version, text: textOf('policy_e'), note: 'Yours.' }),
  ])
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'policies:changed_meanwhile' } })
  const enforced = await draftPolicySet(author, { number: 1, text: textOf('policy_d'), note: 'Mine.' })
  expect(enforced).toMatchObject({ ok: false, error: { rule: 'policies:not_a_draft' } })
  expect((await auditOf(db, '1')).at(-1)).toMatchObject({ event: 'policy_set.refused', rule: 'policies:not_a_draft' })
})

test('what permits nothing, or names what there is not, is saved with a warning', async ({ db, people }) => {
  const none = await draftPolicySet(people.author, {
    text: forbids('policy_x', 'resource.class == "read"'),
    note: 'Nothing.',
  })
  expect(none).toMatchObject({ ok: true, value: { warnings: [{ message: 'No policy permits anything.' }] } })
  const team = await makeTeam(db)
  const text = `${permitsGranted}\n${forbids('policy_x', `principal in Wheelhouse::Team::"${team}" || principal in Wheelhouse::Team::"nobody"`)}`
  const { warnings } = await checkPolicyText(people.author, { text })
  expect(warnings.map(({ message }) => message)).toEqual(['There is no Team "nobody".'])
})

test('log-only, then a text that changes: a draft again, which was not tried', async ({ db, people }) => {
  const { author, second } = people
  const { number, version } = await drafted(author, 'policy_f')
  expect(await startLogOnly(author, { number })).toMatchObject({ ok: true, value: { changed: true } })
  expect(await startLogOnly(author, { number })).toMatchObject({ ok: true, value: { changed: false } })
  const other = await drafted(second, 'policy_g')
  const taken = await startLogOnly(second, { number: other.number })
  expect(taken).toMatchObject({ ok: false, error: { rule: 'policies:log_only_taken' } })
  expect(await policySetsInUse(author)).toMatchObject({ enforced: 1, logOnly: number })
  expect((await getPolicySet(second, number)).trial).toMatchObject({
    outcome: 'not_tried',
    replay: null,
    logOnly: { minutes: 0, calls: 0 },
  })
  await draftPolicySet(author, { number, version, text: textOf('policy_h'), note: 'Changed.' })
  expect(await getPolicySet(second, number)).toMatchObject({ state: 'draft', trial: { logOnly: null } })
  await startLogOnly(author, { number })
  expect(await endLogOnly(author, { number })).toMatchObject({ ok: true, value: { changed: true } })
  expect(await endLogOnly(author, { number })).toMatchObject({ ok: true, value: { changed: false } })
  const events = (await auditOf(db, String(number))).map(({ event }) => event.replace('policy_set.', ''))
  expect(events).toEqual(['drafted', 'log_only_started', 'edited', 'log_only_started', 'log_only_ended'])
})

test('somebody else enforces it, tried or with the reason why not; the one before is superseded', async ({
  db,
  people,
}) => {
  const { author, second } = people
  const before = await inForce(db)
  const { number, version } = await drafted(author, 'policy_i')
  const input = { number, version, replaces: before.number }
  expect(await enforcePolicySet(author, { ...input, withoutReplay: reason })).toMatchObject({
    ok: false,
    error: { rule: 'policies:second_person' },
  })
  expect(await enforcePolicySet(second, input)).toMatchObject({ ok: false, error: { rule: 'policies:without_replay' } })
  expect(await enforcePolicySet(second, { ...input, withoutReplay: reason })).toMatchObject({
    ok: true,
    value: { superseded: before.number },
  })
  expect(await enforcePolicySet(second, { ...input, withoutReplay: reason })).toMatchObject({
    ok: true,
    value: { changed: false },
  })
  expect(await db.policySet.findUnique({ where: { number: before.number } })).toMatchObject({ state: 'superseded' })
  expect(await db.policyAccess.count({ where: { version: { startsWith: version } } })).toBe(1)
  const events = await auditOf(db, String(number))
  expect(events.map(({ event, rule }) => rule ?? event)).toEqual([
    'policy_set.drafted',
    'policies:second_person',
    'policies:without_replay',
    'policy_set.enforced',
  ])
  expect(events.at(-1)).toMatchObject({ detail: { superseded: before.number, withoutReplay: reason } })
})

test('two who enforce at once: one wins, the other is told', async ({ db, people }) => {
  const { author, second, third } = people
  const before = await inForce(db)
  const drafts = [await drafted(author, 'policy_j'), await drafted(author, 'policy_k')]
  const outcomes = await Promise.all(
    drafts.map(({ number, version }, at) =>
      enforcePolicySet([second, third][at]!, { number, version, replaces: before.number, withoutReplay: reason }),
    ),
  )
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'policies:changed_meanwhile' } })
  expect(await db.policySet.count({ where: { state: 'enforced' } })).toBe(1)
})

test('one person rolls back to what was enforced before; two at once do it once, and what never was is not gone back to', async ({
  db,
  people,
}) => {
  const { author, second } = people
  const now = await inForce(db)
  const back = { number: 1, replaces: now.number, reason: 'It refused too much.' }
  const outcomes = await Promise.all([rollBackPolicySet(author, back), rollBackPolicySet(second, back)])
  expect(outcomes.map((outcome) => outcome.ok && outcome.value.changed).filter((changed) => changed)).toHaveLength(1)
  expect((await inForce(db)).number).toBe(1)
  expect((await auditOf(db, '1')).at(-1)).toMatchObject({
    event: 'policy_set.rolled_back',
    detail: { superseded: now.number },
  })
  // The time before stays on record when the set is in force once more.
  const { periods } = await getPolicySet(author, 1)
  expect(periods).toMatchObject([{ until: null }, { until: expect.any(String) }])
  expect(await db.policySetPeriod.count({ where: { untilAt: null } })).toBe(1)
  await expect(db.policySetPeriod.deleteMany({})).rejects.toThrow(/append-only/)
  await expect(policiesOf(author, { number: null, past: new Date(0) })).rejects.toMatchObject({ code: 'invalid' })
  const stale = await rollBackPolicySet(author, { ...back, number: now.number, replaces: now.number })
  expect(stale).toMatchObject({ ok: false, error: { rule: 'policies:changed_meanwhile' } })
  const { number } = await drafted(author, 'policy_l')
  const never = await rollBackPolicySet(author, { number, replaces: 1, reason: 'It refused too much.' })
  expect(never).toMatchObject({ ok: false, error: { rule: 'policies:never_enforced' } })
})

test('a rule of a set that is not in force any more is still explained in its own words', async ({ people }) => {
  const rule = await explainStoredRule(people.author, 'policy_i')
  expect(rule).toMatchObject({ title: 'Title of policy_i', remedy: 'Remedy of policy_i.' })
  expect(rule.setBy).toContain(people.author.actor.name)
  const current = await explainStoredRule(people.author, 'policy_destructive_on_production')
  expect(current.title).toBe('Destructive tools on production only with break-glass')
  expect(await explainStoredRule(people.author, 'policy_of_nobody')).toMatchObject({ title: 'Of nobody' })
  expect(await explainStoredRule(people.author, 'killed')).toMatchObject({ title: 'Stopped by the kill switch' })
})

test('a set shows its policies with who set them, how it differs, and why not', async ({ db, people }) => {
  const { author, second } = people
  const { number } = await drafted(author, 'policy_m')
  const detail = await getPolicySet(author, number)
  expect(detail.rules.map(({ id }) => id)).toEqual(['permit_granted', 'policy_m'])
  expect(detail.rules[1]).toMatchObject({ since: { number, by: author.actor.name }, refused24h: 0 })
  expect(detail.diff).toContainEqual('+ @id("policy_m")')
  expect(detail.actions.enforce).toMatchObject({ rule: 'policies:second_person' })
  expect((await getPolicySet(second, number)).actions).toMatchObject({ enforce: null, log_only: null })
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  expect((await getPolicySet(builder, number)).actions.edit).toMatchObject({ rule: 'permission:policies:manage' })
  expect((await listPolicySets(builder)).items[0]).toMatchObject({ number, state: 'draft' })
})

test('whose role does not manage policies changes none, and a set nobody made is not found', async ({ db, people }) => {
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  const attempts = (ctx: typeof builder) => [
    draftPolicySet(ctx, { text: textOf('policy_n'), note: 'Not mine.' }),
    startLogOnly(ctx, { number: 1 }),
    endLogOnly(ctx, { number: 1 }),
    enforcePolicySet(ctx, { number: 1, version: '', replaces: 1 }),
    discardPolicySet(ctx, { number: 1, version: '' }),
    setTrialTerms(ctx, { logOnlyMinutes: 0, logOnlyCalls: 1 }),
    rollBackPolicySet(ctx, { number: 1, replaces: 1, reason }),
  ]
  for (const attempt of attempts(builder)) await expect(attempt).rejects.toMatchObject({ code: 'forbidden' })
  for (const attempt of attempts(ctxFor(db, anonymous)))
    await expect(attempt).rejects.toMatchObject({ code: 'unauthenticated' })
  await expect(startLogOnly(people.author, { number: 999 })).rejects.toMatchObject({ code: 'not_found' })
  await expect(getPolicySet(people.author, 999)).rejects.toMatchObject({ code: 'not_found' })
})
