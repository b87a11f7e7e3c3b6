import fc from 'fast-check'
import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { agentCount, fleetChanges, fleetNow, fleetServers, makeFleet } from '#lib/dev/test/changing-fleet.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { keepAccessTable } from '#lib/guardrails/commands.ts'
import { policySchema } from '#lib/guardrails/queries.ts'
import { diffAgent, getAgent, getAgentAsOf, matchingAgentIds } from '#lib/registry/queries.ts'
import type { AccessGrant } from '#lib/registry/schema.ts'
import { capabilities, grantName } from '#lib/registry/schema/capabilities.ts'
import { listGrants } from './queries.ts'

const agentIds = Array.from({ length: agentCount }, (_, at) => `agent-${at}`)
const names = ['look', 'change', 'wipe', ...capabilities.map(grantName)]
const places = fleetServers.flatMap((serverId) => names.map((name) => `${serverId}/${name}`))
const organization = { scope: 'organization', targetId: 'organization' } as const

const noDestroying = forbids(
  'policy_no_destroying',
  'resource.class == "destructive" && resource.server.environment == "production" && !context.breakGlass',
)
const policySets: Record<string, string[]> = {
  usual: [permitsGranted, noDestroying],
  named: [
    permitsGranted,
    forbids('policy_team', 'principal in Wheelhouse::Team::"team-b" && resource.class != "read"'),
    forbids('policy_agent', 'principal == Wheelhouse::Agent::"agent-3" && resource in Wheelhouse::Server::"erp"'),
  ],
}

async function enforce(db: Db, policies: string[], isKnown = true): Promise<void> {
  const { version } = await enforcePolicies(db, policies, policySchema)
  if (isKnown) await keepAccessTable(ctxFor(db), { version, policies, schema: policySchema })
}

/** Beside the changes of the fleet: what everybody's reach depends on. */
const changes: typeof fleetChanges = [
  ...fleetChanges,
  (db, pick) => enforce(db, Object.values(policySets)[pick(2)]!, pick(6) > 0),
  async (db, pick) => {
    await db.stopOrder.updateMany({ where: { releasedAt: null, ...organization }, data: { releasedAt: new Date() } })
    if (pick(3) > 0) return
    await db.stopOrder.create({ data: { ...organization, reason: 'everything at once', orderedByName: 'Ada' } })
  },
]

dbTest('a grant that reaches nothing says why, for a policy and for each kind of stop', async ({ db }) => {
  await makeFleet(db)
  await enforce(db, policySets['usual']!)
  const agentId = 'agent-0'
  await db.grant.deleteMany({ where: { agentId } })
  const grantId = await makeGrant(db, { agentId, serverId: 'erp', class: 'destructive', toolName: 'wipe' })
  await makeGrant(db, { agentId, serverId: 'erp', class: 'write', revokedAt: new Date() })
  const ctx = ctxFor(db)
  const now = async () => (await getAgent(ctx, agentId)).access.map(({ tools, unreached }) => ({ tools, unreached }))
  const byPolicy = { tools: ['wipe'], why: 'the guardrail policy_no_destroying forbids it' }
  expect(await now()).toEqual([{ tools: [], unreached: [byPolicy] }])
  const ofAll = await listGrants(ctx, { agentId, history: true })
  expect(ofAll.find(({ state }) => state === 'revoked')).toMatchObject({ tools: [], unreached: [] })
  const forbidden = (await instant(db)).toISOString()

  await enforce(db, [permitsGranted])
  expect(await now()).toEqual([{ tools: ['wipe'], unreached: [] }])
  const free = (await instant(db)).toISOString()
  const told = await diffAgent(ctx, { agentId, from: forbidden, to: free })
  expect(told.grants).toMatchObject([
    {
      grantId,
      change: 'changed',
      fields: [
        { field: 'tools', before: [], after: ['wipe'] },
        { field: 'unreached', before: [byPolicy], after: [] },
      ],
    },
  ])

  const owner = (await getAgent(ctx, agentId)).owner.id
  for (const [scope, targetId, whom] of [
    ['agent', agentId, 'the agent'],
    ['team', owner, 'its team'],
    ['organization', 'organization', 'the organization'],
    ['server', 'erp', 'the server'],
    ['tool', 'erp/wipe', 'the tool'],
  ] as const) {
    const order = await db.stopOrder.create({ data: { scope, targetId, reason: 'a leak', orderedByName: 'Ada' } })
    const byStop = { tools: ['wipe'], why: `a stop order for ${whom} is in force: a leak` }
    expect({ scope, now: await now() }).toEqual({ scope, now: [{ tools: [], unreached: [byStop] }] })
    const stopped = (await instant(db)).toISOString()
    expect((await diffAgent(ctx, { agentId, from: free, to: stopped })).grants).toMatchObject([
      {
        fields: [
          { field: 'tools', before: ['wipe'], after: [] },
          { field: 'unreached', after: [byStop] },
        ],
      },
    ])
    // From the tables alone, too.
    const inTx = await db.$transaction((tx) => getAgent({ ...ctx, tx }, agentId))
    expect(inTx.access).toMatchObject([{ tools: [], unreached: [byStop] }])
    await db.stopOrder.update({ where: { id: order.id }, data: { releasedAt: new Date() } })
  }
  const was = await getAgentAsOf(ctx, { agentId, asOf: forbidden })
  expect(was.access).toMatchObject([{ id: grantId, tools: [], unreached: [byPolicy] }])
})

dbTest(
  'an agent, its grants and the catalog say the same of what is reached, whatever has changed, now and at an instant',
  async ({ db }) => {
    await makeFleet(db)
    await enforce(db, policySets['usual']!)
    const ctx = ctxFor(db, undefined, fleetNow)
    const instants: string[] = []
    const step = fc.record({
      change: fc.nat(changes.length - 1),
      seed: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
    })
    const property = fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.nat(), async (steps, back) => {
      for (const { change, seed } of steps) {
        let drawn = 0
        await changes[change]!(db, (max) => seed[drawn++ % seed.length]! % max)
      }
      await compare(ctx)
      instants.push((await instant(db)).toISOString())
      const [asOf] = instants.splice(back % instants.length, 1)
      await compare(ctx, asOf)
    })
    await fc.assert(property, { numRuns: 8, endOnFailure: true })
  },
  240_000,
)

/** What each agent, its grants and the catalog say of every tool. */
async function compare(ctx: Ctx, asOf?: string): Promise<void> {
  const found = Object.fromEntries(places.map((place): [string, string[]] => [place, []]))
  for (const agentId of agentIds) {
    const agent = await (asOf === undefined ? getAgent(ctx, agentId) : getAgentAsOf(ctx, { agentId, asOf }))
    const grants = await listGrants(ctx, { agentId, asOf, history: true })
    const reached = placesOf(agent.access)
    expect({ agentId, asOf, reached: placesOf(grants) }).toEqual({ agentId, asOf, reached })
    for (const grant of grants) {
      const shut = grant.unreached.flatMap(({ tools }) => tools)
      expect(shut.filter((tool) => grant.tools.includes(tool))).toEqual([])
      expect(grant.unreached.map(({ why }) => why)).not.toContain('')
      if (grant.state !== 'in_force') expect([...grant.tools, ...shut]).toEqual([])
    }
    for (const place of reached) found[place]!.push(agentId)
  }
  const isKnown = asOf === undefined || (await policiesAreKnown(ctx, asOf))
  if (!isKnown) return expect(Object.values(found).flat()).toEqual([])
  const catalog: typeof found = {}
  for (const place of places) {
    const [server, ...name] = place.split('/')
    catalog[place] = await matchingAgentIds(ctx, { q: `server:${server} tool:${name.join('/')}`, asOf })
  }
  const inOrder = Object.fromEntries(Object.entries(found).map(([place, ids]) => [place, ids.toSorted()]))
  expect({ asOf, found: inOrder }).toEqual({ asOf, found: catalog })
}

function placesOf(grants: readonly AccessGrant[]): string[] {
  return [...new Set(grants.flatMap(({ serverId, tools }) => tools.map((tool) => `${serverId}/${tool}`)))].toSorted()
}

async function policiesAreKnown(ctx: Ctx, asOf: string): Promise<boolean> {
  return await matchingAgentIds(ctx, { q: 'can:read', asOf }).then(
    () => true,
    (error: { details?: { rule?: string } }) => {
      expect(error.details?.rule).toBe('history:policies')
      return false
    },
  )
}
