import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { forbids } from '#lib/dev/test/policy-sets.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import { joinPolicies } from './cedar/split.ts'
import {
  draftPolicySet,
  endLogOnly,
  enforcePolicySet,
  runPolicyReplay,
  setTrialTerms,
  startLogOnly,
  startPolicyReplay,
} from './commands.ts'
import { getPolicySet, getTrialTerms } from './queries.ts'

const reason = 'Nobody has called anything in this installation yet.'
const later = (ctx: Ctx, minutes: number): Ctx => ({ ...ctx, now: new Date(ctx.now.getTime() + minutes * 60_000) })

const test = dbTest.extend('people', { scope: 'file' }, async ({ db }) => {
  const as = async (role: 'security' | 'platform_admin') => ctxFor(db, await makePerson(db, { roles: [role] }))
  return { author: await as('security'), second: await as('platform_admin') }
})

async function drafted(db: Db, author: Ctx, id: string) {
  // It forbids what the one in force does, and more.
  const inForce = await db.policySet.findFirstOrThrow({ where: { state: 'enforced' } })
  const text = `${joinPolicies(inForce.policies)}\n${forbids(id, 'resource.class == "destructive"')}`
  const outcome = await draftPolicySet(author, { text, note: `Draft of ${id}.` })
  if (!outcome.ok) throw new Error(outcome.error.message)
  const replaces = inForce.number
  return { ...outcome.value, input: { number: outcome.value.number, version: outcome.value.version, replaces } }
}

async function replay(db: Db, ctx: Ctx, number: number) {
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  await runPolicyReplay(ctxFor(db), { replayId })
}

test('the terms are data, with who set them; of two at once the last holds, and both are on record', async ({
  db,
  people: { author, second },
}) => {
  const loosening = { logOnlyMinutes: 60, logOnlyCalls: 20 }
  expect(await getTrialTerms(author)).toEqual({
    logOnlyMinutes: 60,
    logOnlyCalls: 1,
    setBy: null,
    setAt: null,
    loosening,
    proposed: null,
  })
  await expect(setTrialTerms(author, { logOnlyMinutes: 0, logOnlyCalls: 0 })).rejects.toThrow(/logOnlyCalls/)
  const done = await Promise.all([
    setTrialTerms(author, { logOnlyMinutes: 65, logOnlyCalls: 7 }),
    setTrialTerms(second, { logOnlyMinutes: 66, logOnlyCalls: 8 }),
  ])
  const changed = { changed: true, waits: false }
  expect(done).toEqual([changed, changed])
  const terms = await getTrialTerms(author)
  expect(
    await setTrialTerms(author, { logOnlyMinutes: terms.logOnlyMinutes, logOnlyCalls: terms.logOnlyCalls }),
  ).toEqual({ changed: false, waits: false })
  const events = await auditOf(db, '1')
  const changes = events.filter(({ event }) => event === 'policy_trial_terms.changed')
  const [one, two] = changes.map(({ detail }) => detail as { before: object; after: object })
  expect(changes).toHaveLength(2)
  expect(one!.before).toEqual({ logOnlyMinutes: 60, logOnlyCalls: 1 })
  expect(two!.before).toEqual(one!.after)
  expect(two!.after).toEqual({ logOnlyMinutes: terms.logOnlyMinutes, logOnlyCalls: terms.logOnlyCalls })
  // Not below the defaults, so one person is enough.
  expect(await setTrialTerms(author, { logOnlyMinutes: 60, logOnlyCalls: 1 })).toEqual(changed)
})

// Before any call is on record.
test('a replay over no calls shows nothing: it is enforced only by who says so, and that is kept', async ({
  db,
  people: { author, second },
}) => {
  const { number, input } = await drafted(db, author, 'policy_empty')
  await replay(db, author, number)
  expect((await getPolicySet(second, number)).trial).toMatchObject({ outcome: 'no_calls', replay: { calls: 0 } })
  const refused = await enforcePolicySet(second, input)
  expect(refused).toMatchObject({ ok: false, error: { rule: 'policies:replay_without_calls' } })
  expect((await auditOf(db, String(number))).at(-1)).toMatchObject({
    event: 'policy_set.refused',
    rule: 'policies:replay_without_calls',
  })
  expect(await enforcePolicySet(second, { ...input, emptyReplay: reason })).toMatchObject({ ok: true })
  expect((await auditOf(db, String(number))).at(-1)).toMatchObject({
    event: 'policy_set.enforced',
    detail: { emptyReplay: reason, withoutReplay: null },
  })
  expect(await getPolicySet(second, number)).toMatchObject({ emptyReplay: reason, withoutReplay: null })
})

test('calls that no replay can decide again are no empty window; one that it can is enough', async ({
  db,
  people: { author, second },
}) => {
  const { number, input } = await drafted(db, author, 'policy_unjudged')
  await recordCalls(db, { facts: situationFor('old'), calls: 3, unnamed: true })
  await replay(db, author, number)
  const refused = await enforcePolicySet(second, { ...input, emptyReplay: reason })
  expect(refused).toMatchObject({ ok: false, error: { rule: 'policies:without_replay' } })
  await recordCalls(db, { facts: situationFor('new'), calls: 1 })
  await replay(db, author, number)
  expect(await enforcePolicySet(second, input)).toMatchObject({ ok: true })
  expect(await getPolicySet(second, number)).toMatchObject({ emptyReplay: null, withoutReplay: null })
})

test('a moment of log-only, or a long one without calls, does not count; the terms say from when it does', async ({
  db,
  people,
}) => {
  // After all that the other tests have recorded.
  const [author, second] = [later(people.author, 1000), later(people.second, 1000)]
  const { number, version, input } = await drafted(db, author, 'policy_logged')
  await startLogOnly(author, { number })
  const without = { ok: false, error: { rule: 'policies:without_replay' } }
  expect(await enforcePolicySet(later(second, 90), input)).toMatchObject(without)
  const at = later(author, 5).now
  await recordCalls(db, { facts: situationFor('live'), calls: 2, at })
  expect(await enforcePolicySet(later(second, 30), input)).toMatchObject(without)
  await setTrialTerms(author, { logOnlyMinutes: 60, logOnlyCalls: 3 })
  expect(await enforcePolicySet(later(second, 90), input)).toMatchObject(without)
  await recordCalls(db, { facts: situationFor('live'), calls: 1, at })
  // Of what no broker could ask it about, nothing is known.
  await db.$executeRaw`alter table "AuditEvent" disable trigger user`
  await db.$executeRaw`
    update "AuditEvent" set "detail" = "detail" || ${JSON.stringify({ candidate: { version, rule: null, unread: true } })}::jsonb
    where "seq" = (select max("seq") from "AuditEvent" where "event" = 'mcp.call_allowed')`
  await db.$executeRaw`alter table "AuditEvent" enable trigger user`
  expect(await enforcePolicySet(later(second, 90), input)).toMatchObject(without)
  await recordCalls(db, { facts: situationFor('live'), calls: 1, at })
  await endLogOnly(later(author, 60), { number })
  expect(await enforcePolicySet(later(second, 90), input)).toMatchObject({ ok: true })
})
