import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { applyManifest, createAgent } from '../commands.ts'
import { manifestAgentsMax } from './parse.ts'

type Shop = Awaited<ReturnType<typeof makeWorkshop>>

const text = ({ teamId, template, lead }: Shop, ids: readonly string[]) =>
  ids
    .map(
      (id) =>
        `id: ${id}\nowner: ${teamId}\naccountable: ${lead.email}\npurpose: from a file\ntemplate: ${template.id}@1.0.0\n`,
    )
    .join('---\n')

async function statusOf(db: Db, id: string) {
  return (await db.agent.findUnique({ where: { id } }))?.status ?? null
}

/** Somebody who may apply and retire in the team. */
async function applier(db: Db, shop: Shop) {
  return ctxFor(db, await makePerson(db, { roles: ['builder', 'team_lead'], teamIds: [shop.teamId] }))
}

const words = ({ changes }: Awaited<ReturnType<typeof applyManifest>>) =>
  changes.map(({ id, action }) => `${action} ${id}`)

dbTest(
  'only what the same set has created is pruned: not what others made, nor what another set made',
  async ({ db }) => {
    const shop = await makeWorkshop(db)
    const ctx = await applier(db, shop)
    await createAgent(ctxFor(db, shop.builder), shop.draft('by-hand'))
    await applyManifest(ctx, text(shop, ['one-a', 'one-b', 'by-hand']), { set: 'one' })
    await applyManifest(ctx, text(shop, ['two-a']), { set: 'two' })
    const plan = await applyManifest(ctx, text(shop, ['one-a']), { set: 'one', prune: true, dryRun: true })
    expect([words(plan), plan.applied]).toEqual([['none one-a', 'prune one-b'], false])
    expect(await statusOf(db, 'one-b')).not.toBe('retired')
    const done = await applyManifest(ctx, text(shop, ['one-a']), { set: 'one', prune: true, plan: plan.digest })
    expect([words(done), done.applied]).toEqual([['none one-a', 'prune one-b'], true])
    expect([await statusOf(db, 'one-b'), await statusOf(db, 'by-hand'), await statusOf(db, 'two-a')]).toEqual([
      'retired',
      'provisioning',
      'provisioning',
    ])
    expect((await auditOf(db, 'one-b')).at(-1)).toMatchObject({
      event: 'agent.retired',
      detail: { reason: 'The manifests of one do not hold it any more.' },
    })
    expect(words(await applyManifest(ctx, text(shop, ['one-a']), { set: 'one', prune: true }))).toEqual(['none one-a'])
  },
)

dbTest('pruning takes the set, and the right to retire; without it nothing of the file is applied', async ({ db }) => {
  const shop = await makeWorkshop(db)
  const ctx = await applier(db, shop)
  await applyManifest(ctx, text(shop, ['may-a', 'may-b']), { set: 'may' })
  await expect(applyManifest(ctx, text(shop, ['may-a']), { prune: true })).rejects.toMatchObject({
    code: 'invalid',
    details: { field: 'set' },
  })
  const builder = ctxFor(db, shop.builder)
  const refused = applyManifest(builder, text(shop, ['may-a', 'may-new']), { set: 'may', prune: true })
  await expect(refused).rejects.toMatchObject({ code: 'forbidden', details: { rule: 'permission:agents:retire' } })
  // Of another team: told as a problem, and all or nothing.
  const other = await makeWorkshop(db)
  const stranger = await applier(db, other)
  const plan = await applyManifest(stranger, text(other, ['may-theirs']), { set: 'may', prune: true })
  expect(plan).toMatchObject({
    applied: false,
    problems: [{ id: 'may-a', message: expect.stringContaining('cannot be pruned') as string }, { id: 'may-b' }],
  })
  expect([await statusOf(db, 'may-b'), await statusOf(db, 'may-new'), await statusOf(db, 'may-theirs')]).toEqual([
    'provisioning',
    null,
    null,
  ])
})

dbTest('what was agreed to is what is done: a plan that has aged is refused', async ({ db }) => {
  const shop = await makeWorkshop(db)
  const ctx = await applier(db, shop)
  const wanted = text(shop, ['plan-a'])
  const plan = await applyManifest(ctx, wanted, { dryRun: true })
  await createAgent(ctxFor(db, shop.builder), shop.draft('plan-a'))
  const aged = applyManifest(ctx, wanted, { plan: plan.digest })
  await expect(aged).rejects.toMatchObject({ code: 'conflict', details: { rule: 'lifecycle:plan_changed' } })
  expect((await db.agent.findUniqueOrThrow({ where: { id: 'plan-a' } })).purpose).toBe('to be tested')
  const anew = await applyManifest(ctx, wanted, { dryRun: true })
  expect(anew.changes).toMatchObject(
    [
      {
        action: 'change',
        fields: [{ field: 'name' }, { field: 'purpose', before: 'to be tested', after: 'from a file' }],
      },
    ].map((change) => ({ ...change, fields: change.fields.filter(({ field }) => field === 'purpose') })),
  )
  expect((await applyManifest(ctx, wanted, { plan: anew.digest })).applied).toBe(true)
})

dbTest(
  'two who apply one set at once take turns: nothing that one has just added is given up by the other',
  async ({ db }) => {
    const shop = await makeWorkshop(db)
    const ctx = await applier(db, shop)
    const both = text(shop, ['turn-a', 'turn-b'])
    const outcomes = await Promise.all([
      applyManifest(ctx, both, { set: 'turn', prune: true }),
      applyManifest(ctx, both, { set: 'turn', prune: true }),
    ])
    expect(outcomes.map((plan) => words(plan).join()).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'create turn-a,create turn-b',
      'none turn-a,none turn-b',
    ])
  },
)

/** Puts so many live agents into a set, as applying its files did. */
async function fillSet(db: Db, { shop, set, count }: { shop: Shop; set: string; count: number }): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, at) => `${set}-${String(at).padStart(3, '0')}`)
  const agent = { purpose: 'x', tier: 'low' as const, status: 'active' as const, currentVersion: 1 }
  await db.agent.createMany({
    data: ids.map((id) => ({ id, name: id, ownerTeamId: shop.teamId, accountablePersonId: shop.lead.id, ...agent })),
  })
  await db.manifestSetAgent.createMany({ data: ids.map((agentId) => ({ agentId, set })) })
  return ids
}

dbTest('a set is never larger than one file, so that pruning knows all that is wanted', async ({ db }) => {
  const shop = await makeWorkshop(db)
  const ctx = await applier(db, shop)
  const full = await fillSet(db, { shop, set: 'full', count: manifestAgentsMax })
  const joined = await applyManifest(ctx, text(shop, ['beyond']), { set: 'full' })
  expect(joined).toMatchObject({ applied: false, changes: [], problems: [{ line: 1, id: null }] })
  expect(joined.problems[0]?.message).toMatch(/would have 1001 agents; it has at most 1000.*a label of their own/)
  expect(await statusOf(db, 'beyond')).toBeNull()
  // What is retired makes room, and a label of its own takes the rest.
  await db.agent.update({ where: { id: full[0]! }, data: { status: 'retired' } })
  expect((await applyManifest(ctx, text(shop, ['beyond']), { set: 'full' })).applied).toBe(true)
  expect((await applyManifest(ctx, text(shop, ['beyond-too']), { set: 'full-2' })).applied).toBe(true)
})

dbTest('a set that is larger than one file is not pruned: nothing of its other part is retired', async ({ db }) => {
  const shop = await makeWorkshop(db)
  const ctx = await applier(db, shop)
  const ids = await fillSet(db, { shop, set: 'large', count: manifestAgentsMax + 1 })
  const plan = await applyManifest(ctx, `id: ${ids[0]}\n`, { set: 'large', prune: true })
  expect(plan).toMatchObject({ applied: false, problems: [{ message: expect.stringContaining('nothing') as string }] })
  expect(await db.agent.count({ where: { id: { in: ids }, status: 'retired' } })).toBe(0)
})
