import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makeTeam } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { diffAgents, explainAgentQuery, getMoment, listAgents, matchingAgentIds } from '#lib/registry/queries.ts'
import { keepAccessTable, syncPolicySets } from './commands.ts'
import { policySchema } from './queries/policy-source.ts'

const noWrites = [permitsGranted, forbids('policy_no_writes', 'resource.class == "write"')]

dbTest('what was within reach at an instant follows the set of policies that was enforced then', async ({ db }) => {
  const team = await makeTeam(db)
  await makeTemplate(db)
  await makeServer(db, { id: 'erp', tools: { pay: 'write' } })
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  await makeGrant(db, { agentId, serverId: 'erp', class: 'write' })
  const ctx = ctxFor(db)
  const instants: string[] = []
  for (const policies of [[permitsGranted], noWrites, [permitsGranted]]) {
    const { version } = await enforcePolicies(db, policies)
    await keepAccessTable(ctx, { version, policies, schema: policySchema })
    instants.push((await instant(db)).toISOString())
  }
  const [before, between, after] = instants as [string, string, string]
  const q = 'can:write server:erp'
  for (const [asOf, ids] of [
    [before, [agentId]],
    [between, []],
    [after, [agentId]],
  ] as const) {
    // prettier-ignore
    expect({ asOf, ids: await matchingAgentIds(ctx, { q, asOf }) }).toEqual({ asOf, ids })
    // From the tables as they were, without the fleet of now.
    expect(await db.$transaction((tx) => matchingAgentIds({ ...ctx, tx }, { q, asOf }))).toEqual(ids)
    expect(await explainAgentQuery(ctx, { agentId, q, asOf })).toMatchObject({ matches: ids.length > 0 })
  }
  const why = await explainAgentQuery(ctx, { agentId, q, asOf: between })
  expect(JSON.stringify(why)).toContain('policy_no_writes')
  expect(await diffAgents(ctx, { q, from: before, to: between })).toMatchObject({
    from: { policySet: { known: true } },
    left: [{ id: agentId }],
  })
})

dbTest('where the policies of an instant are not known, a question about reach is refused', async ({ db }) => {
  const team = await makeTeam(db)
  await makeTemplate(db)
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const { number } = await enforcePolicies(db, noWrites, policySchema)
  const asOf = (await instant(db)).toISOString()
  const ctx = ctxFor(db)
  await enforcePolicies(db, [permitsGranted])
  const unknown = { code: 'invalid', details: { rule: 'history:policies' } }
  for (const q of ['can:write', '-(server:erp or agent)'])
    await expect(listAgents(ctx, { q, asOf })).rejects.toMatchObject(unknown)
  await expect(explainAgentQuery(ctx, { agentId: id, q: 'tool:pay', asOf })).rejects.toMatchObject(unknown)
  expect(await matchingAgentIds(ctx, { q: 'status:active', asOf })).toContain(id)
  expect(await getMoment(ctx, { field: 'asOf', value: asOf })).toMatchObject({ policySet: { number, known: false } })

  // The next start makes the tables of the sets of before.
  await syncPolicySets(ctx)
  expect(await getMoment(ctx, { field: 'asOf', value: asOf })).toMatchObject({ policySet: { number, known: true } })
  // A fleet that is kept in memory is of what was known when it was made.
  expect(await db.$transaction((tx) => matchingAgentIds({ ...ctx, tx }, { q: 'can:write', asOf }))).toEqual([])
})
