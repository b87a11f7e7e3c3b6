import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import {
  cancelPolicyReplay,
  discardPolicySet,
  draftPolicySet,
  endLogOnly,
  startLogOnly,
  startPolicyReplay,
} from './commands.ts'
import { getPolicyReplay, getPolicySet, listPolicySets } from './queries.ts'

const textOf = (id: string) => `${permitsGranted}\n\n${forbids(id, 'resource.class == "destructive"')}`

const test = dbTest.extend('author', { scope: 'file' }, async ({ db }) =>
  ctxFor(db, await makePerson(db, { roles: ['security'] })),
)

async function drafted(ctx: Ctx, id: string) {
  const outcome = await draftPolicySet(ctx, { text: textOf(id), note: `Draft of ${id}.` })
  if (!outcome.ok) throw new Error(outcome.error.message)
  return outcome.value
}

test('a draft is thrown away once, by two at once too: it leaves the list, its replay ends, and it stays as it is', async ({
  db,
  author,
}) => {
  const { number, version } = await drafted(author, 'policy_thrown')
  const { replayId } = await startPolicyReplay(author, { number, since: '1h' })
  const outcomes = await Promise.all([
    discardPolicySet(author, { number, version }),
    discardPolicySet(author, { number, version }),
  ])
  expect(outcomes.filter((outcome) => outcome.ok && outcome.value.changed)).toHaveLength(1)
  expect(outcomes.every(({ ok }) => ok)).toBe(true)
  expect((await auditOf(db, String(number))).map(({ event }) => event)).toEqual([
    'policy_set.drafted',
    'policy_set.discarded',
  ])
  expect(await getPolicyReplay(author, replayId)).toMatchObject({ state: 'cancelled' })
  const numbers = (list: { items: { number: number }[] }) => list.items.map((set) => set.number)
  expect(numbers(await listPolicySets(author))).not.toContain(number)
  expect(numbers(await listPolicySets(author, { state: 'discarded' }))).toContain(number)
  const discarded = { ok: false, error: { rule: 'policies:discarded' } }
  expect(await draftPolicySet(author, { number, text: textOf('policy_again'), note: 'Again.' })).toMatchObject(
    discarded,
  )
  expect(await startLogOnly(author, { number })).toMatchObject(discarded)
  await expect(startPolicyReplay(author, { number, since: '1h' })).rejects.toMatchObject({
    details: { rule: 'policies:discarded' },
  })
  await expect(db.policySet.update({ where: { number }, data: { state: 'draft' } })).rejects.toThrow(/thrown away/)
  const { text } = await getPolicySet(author, number)
  expect(await draftPolicySet(author, { text, note: 'Made of it.', basedOn: number })).toMatchObject({ ok: true })
})

test('what was log-only for a moment is kept, also when its text changed since; so is who has not read its text', async ({
  db,
  author,
}) => {
  const { number, version } = await drafted(author, 'policy_was_live')
  await startLogOnly(author, { number })
  await endLogOnly(author, { number })
  const edited = await draftPolicySet(author, { number, version, text: textOf('policy_other'), note: 'Another.' })
  const now = edited.ok ? edited.value.version : ''
  const kept = { ok: false, error: { rule: 'policies:kept' } }
  expect(await discardPolicySet(author, { number, version: now })).toMatchObject(kept)
  expect((await auditOf(db, String(number))).at(-1)).toMatchObject({
    event: 'policy_set.refused',
    rule: 'policies:kept',
  })
  expect((await getPolicySet(author, number)).actions.discard).toMatchObject({ rule: 'policies:kept' })
  await expect(
    db.policySet.update({ where: { number }, data: { firstLogOnlyAt: null, state: 'discarded' } }),
  ).rejects.toThrow(/judged live calls/)
  const stale = await drafted(author, 'policy_stale')
  expect(await discardPolicySet(author, { number: stale.number, version })).toMatchObject({
    ok: false,
    error: { rule: 'policies:changed_meanwhile' },
  })
  expect(await discardPolicySet(author, { number: 1, version: '' })).toMatchObject({
    ok: false,
    error: { rule: 'policies:not_a_draft' },
  })
  await expect(discardPolicySet(author, { number: 999, version: '' })).rejects.toMatchObject({ code: 'not_found' })
})

test('a draft is thrown away also while its replay ends by itself', async ({ db, author }) => {
  const { number, version } = await drafted(author, 'policy_replay_ends')
  const { replayId } = await startPolicyReplay(author, { number, since: '1h' })
  let discarding: ReturnType<typeof discardPolicySet> | undefined
  await db.$transaction(
    async (tx) => {
      await tx.policyReplay.update({ where: { id: replayId }, data: { state: 'done', endedAt: author.now } })
      discarding = discardPolicySet(author, { number, version })
      // It has found the replay running, and waits for whoever ends it.
      await expect
        .poll(async () => await db.$queryRaw`select 1 from pg_locks where not granted`, { timeout: 20_000 })
        .not.toEqual([])
    },
    { timeout: 30_000 },
  )
  expect(await discarding).toEqual({ ok: true, value: { changed: true } })
  expect((await getPolicyReplay(author, replayId)).state).toBe('done')
  await expect(cancelPolicyReplay(author, { replayId })).rejects.toMatchObject({ code: 'conflict' })
})

test('the list is read a page at a time, each set once, and goes on behind what was thrown away meanwhile', async ({
  author,
}) => {
  for (let at = 0; at < 5; at += 1) await drafted(author, `policy_page_${at}`)
  const all = (await listPolicySets(author)).items.map(({ number }) => number)
  const first = await listPolicySets(author, { limit: 2 })
  expect(first.items.map(({ number }) => number)).toEqual(all.slice(0, 2))
  const last = first.items[1]!
  await discardPolicySet(author, { number: last.number, version: last.version })
  const found: number[] = []
  let cursor = first.nextCursor
  while (cursor !== null) {
    const page = await listPolicySets(author, { limit: 2, cursor })
    expect(page.items.length).toBeLessThanOrEqual(2)
    found.push(...page.items.map(({ number }) => number))
    cursor = page.nextCursor
  }
  expect(found).toEqual(all.slice(2))
  await expect(listPolicySets(author, { cursor: '999999' })).rejects.toMatchObject({ details: { field: 'cursor' } })
})
