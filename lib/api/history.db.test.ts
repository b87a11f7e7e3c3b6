import fc from 'fast-check'
import { expect } from 'vitest'
import { listAuditEvents } from '#lib/audit/queries.ts'
import type { AuditView } from '#lib/audit/schema.ts'
import { deactivatePerson, reactivatePerson } from '#lib/auth/commands/people.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { type Folded, foldAudit, foldedWriters, isFoldedInForce } from '#lib/dev/test/audit-fold.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { orderStop, releaseStop } from '#lib/killswitch/commands.ts'
import {
  activateAgent,
  changeAgentLogic,
  createAgent,
  decideScope,
  markReviewed,
  resumeAgent,
  retireAgent,
  setSchedule,
  suspendAgent,
  takeOverAgent,
  updateAgent,
} from '#lib/lifecycle/commands.ts'
import { updateServer } from '#lib/registry/commands.ts'
import { getAgentAsOf, getMoment, matchingAgentIds } from '#lib/registry/queries.ts'
import { requestScope, revokeGrant, withdrawScopeRequest } from '#lib/scopes/commands.ts'
import { listGrants } from '#lib/scopes/queries.ts'

const dayMs = 86_400_000

/** One step: which command, on which agent, and two numbers that decide the rest. */
const anyStep = fc.record({
  kind: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 8, 9, 10, 10, 11, 11),
  agent: fc.nat(3),
  a: fc.nat(1000),
  b: fc.nat(1000),
})
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

/** What every history begins with, so that there is something to lose: nothing is stopped, two agents may write, one of them for a moment. */
const opening: Step[] = [
  { kind: 10, agent: 0, a: 0, b: 0 },
  { kind: 8, agent: 0, a: 0, b: 1 },
  { kind: 8, agent: 0, a: 1, b: 1 },
  { kind: 0, agent: 0, a: 1, b: 1 },
  { kind: 0, agent: 1, a: 1, b: 3 },
  { kind: 6, agent: 0, a: 2, b: 4 },
  { kind: 6, agent: 1, a: 1, b: 6 },
]

dbTest(
  'what was is what the audit log says, at every instant of random histories',
  async ({ db }) => {
    const world = await makeWorld(db)
    const met = { instants: 0, writers: 0, ended: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 50, maxLength: 70 }), async (steps) => {
        const began = await seqOf(db)
        world.ids = [0, 1, 2, 3].map((number) => `a${number}-${crypto.randomUUID().slice(0, 8)}`)
        const seen: { at: Date; seq: bigint }[] = []
        for (const step of opening) await run(world, step)
        for (let next = 0; next < steps.length; next += 1 + (next % 2)) {
          // Every other time two at once, so that commits overlap.
          const pair = steps.slice(next, next + 1 + (next % 2))
          await Promise.all(pair.map((step) => run(world, step)))
          seen.push(await clockOf(db))
        }
        const events = await eventsAfter(db, world.began)
        const moments = await db.historyMoment.findMany({ where: { auditSeq: { gt: began } }, orderBy: { at: 'asc' } })
        const told = await Promise.all(
          moments.map(async ({ at }) => {
            const { auditSeq } = await getMoment(world.ctx(), { field: 'asOf', value: at!.toISOString() })
            return { at: at!, seq: BigInt(auditSeq) }
          }),
        )
        for (const { at, seq } of [...seen, ...told]) {
          const state = foldAudit(events.filter((event) => BigInt(event.seq) <= seq))
          await compare(world, { at, state })
          met.instants += 1
          met.writers += world.servers.flatMap((serverId) => foldedWriters(state, { serverId, at })).length
          met.ended += [...state.grants.values()].filter(
            ({ expiresAt }) => expiresAt && new Date(expiresAt) <= at,
          ).length
        }
      }),
      { numRuns: 3, endOnFailure: true },
    )
    expect(met.instants).toBeGreaterThan(100)
    // The histories were worth comparing: somebody could write, and grants had come to their end.
    expect(met.writers).toBeGreaterThan(0)
    expect(met.ended).toBeGreaterThan(0)
  },
  240_000,
)

type World = Awaited<ReturnType<typeof makeWorld>>

async function makeWorld(db: Db) {
  const teamIds = [await makeTeam(db), await makeTeam(db)]
  const builder = await makePerson(db, { roles: ['builder', 'team_lead'], teamIds })
  const security = await makePerson(db, { roles: ['security', 'platform_admin'] })
  const leaver = await makePerson(db, { teamIds })
  const servers = [await makeServer(db), await makeServer(db)]
  const scope = { required: true, reason: 'to do its work', server: servers[0]!, class: 'read' as const }
  const template = await makeTemplate(db, { scopes: [{ ...scope, approval: 'auto' }] })
  await makeTemplate(db, { id: template.id, version: '1.1.0', scopes: [{ ...scope, approval: 'auto' }] })
  const ctx = (actor = builder, now = new Date()) => ctxFor(db, actor, now)
  const began = await seqOf(db)
  return { db, began, teamIds, builder, leaver, security, servers, template, ctx, ids: [] as string[] }
}

/** Runs one command; what it refuses is part of a history, too. */
async function run(world: World, step: Step): Promise<void> {
  try {
    await commandOf(world, step)
  } catch (error) {
    if (!(error instanceof Error && error.name === 'DomainError')) throw error
  }
}

async function commandOf(world: World, { kind, agent, a, b }: Step): Promise<unknown> {
  const { db, ctx, security, builder, leaver, servers, teamIds, template } = world
  const agentId = world.ids[agent]!
  const reason = `reason ${a}`
  switch (kind) {
    case 0:
      await createAgent(ctx(), {
        id: agentId,
        name: `Agent ${a}`,
        purpose: `purpose ${b}`,
        ownerTeamId: teamIds[a % 2]!,
        accountablePersonId: (b % 2 ? builder : a % 2 ? security : leaver).id,
        tier: (['low', 'medium', 'high'] as const)[b % 3]!,
        templateId: template.id,
        templateVersion: '1.0.0',
        schedule: a % 3 ? null : '0 6 * * *',
        monthlyBudgetMicros: a % 2 ? null : BigInt(b) * 10n ** 11n,
      })
      return await activateAgent(ctxFor(db, systemActor('worker'), new Date()), agentId)
    case 1:
      return await updateAgent(ctx(), {
        agentId,
        ...(a % 2 ? { name: `Agent ${b}`, purpose: `purpose ${a}` } : { tier: b % 2 ? 'low' : 'high' }),
        ...(a % 5 ? {} : { ownerTeamId: teamIds[b % 2]! }),
        ...(a % 3 ? {} : { monthlyBudgetMicros: BigInt(b) }),
      })
    case 2:
      return await changeAgentLogic(ctx(), {
        agentId,
        layer: { prompt: `prompt ${a % 3}`, parameters: {} },
        templateVersion: b % 3 ? '1.0.0' : '1.1.0',
      })
    case 3:
      return await (a % 2 ? suspendAgent : resumeAgent)(ctx(), { agentId, reason })
    case 4:
      return a % 4 === 0 ? await retireAgent(ctx(), { agentId, reason }) : await markReviewed(ctx(), { agentId })
    case 5:
      return await setSchedule(ctx(), { agentId, schedule: a % 2 ? '5 4 * * *' : null, enabled: b % 2 === 0 })
    case 6: {
      const asked = await requestScope(ctx(), {
        agentId,
        serverId: servers[a % 2]!,
        class: b % 2 ? 'read' : 'write',
        toolNames: a % 3 ? [] : [b % 2 ? 'look' : 'change'],
        days: b % 3 ? 1 : null,
        reason,
        ...(a % 4 ? {} : { conditions: [{ pointer: '/amount', range: { max: b } }], rate: { calls: 5, per: 'hour' } }),
      })
      if (!asked.ok) return
      const { requestId } = asked.value
      if (a % 7 === 0) return await withdrawScopeRequest(ctx(), { requestId })
      if (a % 5 === 0) return await decideScope(ctx(security), { requestId, decision: 'reject', note: reason })
      // Decided as if it were almost a day ago, so that a grant for a day ends while the history goes on.
      const now = new Date(Date.now() - dayMs + 200)
      return await decideScope(ctx(security, now), { requestId, decision: 'approve' })
    }
    case 7: {
      const grants = await listGrants(ctx(), { agentId })
      const grant = grants[a % Math.max(1, grants.length)]
      return grant && (await revokeGrant(ctx(), { grantId: grant.id, reason }))
    }
    case 8:
      return await updateServer(ctx(security), {
        id: servers[a % 2]!,
        ...(b % 2 ? { status: 'active' as const } : { status: 'disabled' as const, reason: 'A test.' }),
      })
    case 9: {
      const targets = [
        { scope: 'agent', targetId: agentId },
        { scope: 'team', targetId: teamIds[b % 2]! },
        { scope: 'server', targetId: servers[b % 2]! },
      ] as const
      return await orderStop(ctx(security), { ...targets[a % 3]!, reason })
    }
    case 11: {
      const move = a % 2 ? deactivatePerson : reactivatePerson
      await move(ctx(security), { personId: leaver.id, reason })
      return b % 3 ? null : await takeOverAgent(ctx(), { agentId, accountablePersonId: builder.id })
    }
    default: {
      const open = await db.stopOrder.findMany({ where: { releasedAt: null } })
      for (const { id } of open) await releaseStop(ctx(security), { orderId: id, reason })
    }
  }
}

async function compare(world: World, { at, state }: { at: Date; state: Folded }): Promise<void> {
  const { ctx, servers } = world
  const asOf = at.toISOString()
  for (const agentId of world.ids) {
    const folded = state.agents.get(agentId)
    if (!folded) {
      await expect(getAgentAsOf(ctx(), { agentId, asOf })).rejects.toMatchObject({ code: 'not_found' })
      continue
    }
    const was = await getAgentAsOf(ctx(), { agentId, asOf })
    expect({
      name: was.name,
      purpose: was.purpose,
      ownerTeamId: was.owner.id,
      accountablePersonId: was.accountable.id,
      tier: was.tier,
      status: was.status,
      statusReason: was.statusReason,
      statusChangedAt: was.statusChangedAt,
      schedule: was.schedule,
      scheduleEnabled: was.scheduleEnabled,
      monthlyBudgetMicros: was.monthlyBudgetMicros,
      version: was.version,
      templateVersion: was.template.version,
      lastReviewedAt: was.lastReviewedAt,
      nextReviewAt: was.nextReviewAt,
      createdAt: was.createdAt,
      createdBy: was.createdBy?.id,
      pending: was.pendingScopeRequests,
    }).toEqual(folded)
    expect(was.versions.map(({ version }) => version)).toEqual(
      Array.from({ length: folded.version }, (_, index) => folded.version - index),
    )
    const grants = [...state.grants].filter(([, grant]) => grant.agentId === agentId)
    const listed = await listGrants(ctx(), { agentId, asOf, history: true })
    const inOrder = <T extends { id: string }>(rows: T[]) => rows.toSorted((x, y) => (x.id < y.id ? -1 : 1))
    expect(
      inOrder(
        listed.map(({ id, agent, serverId, class: of, toolName, ...grant }) => {
          const { conditions, rate, reason, via, requestId, createdAt, expiresAt, revokedAt } = grant
          const what = { agentId: agent.id, serverId, class: of, toolName, conditions, rate, reason, via }
          return { id, ...what, requestId, createdAt, expiresAt, revokedAt }
        }),
      ),
    ).toEqual(inOrder(grants.map(([id, grant]) => ({ id, ...grant }))))
    const inForce = grants.filter(([, grant]) => isFoldedInForce(grant, state, at)).map(([id]) => id)
    expect(was.access.map(({ id }) => id).toSorted()).toEqual(inForce.toSorted())
    expect(was.scopes).toHaveLength(inForce.length)
  }
  const orphaned = [...state.agents].filter(
    ([, agent]) => agent.status !== 'retired' && state.left.has(agent.accountablePersonId),
  )
  expect(await matchingAgentIds(ctx(), { q: 'orphaned:yes', asOf })).toEqual(orphaned.map(([id]) => id).toSorted())
  for (const status of ['active', 'suspended', 'retired']) {
    const expected = [...state.agents].filter(([, agent]) => agent.status === status).map(([id]) => id)
    expect(await matchingAgentIds(ctx(), { q: `status:${status}`, asOf })).toEqual(expected.toSorted())
  }
  for (const serverId of servers) {
    const found = await matchingAgentIds(ctx(), { q: `can:write server:${serverId}`, asOf })
    expect(found).toEqual(foldedWriters(state, { serverId, at }))
  }
}

async function clockOf(db: Db): Promise<{ at: Date; seq: bigint }> {
  return { at: await instant(db), seq: await seqOf(db) }
}

async function seqOf(db: Db): Promise<bigint> {
  return (await db.auditHead.findUniqueOrThrow({ where: { id: 1 } })).seq
}

async function eventsAfter(db: Db, after: bigint): Promise<AuditView[]> {
  const events: AuditView[] = []
  for (let from = after; ;) {
    const page = await listAuditEvents(ctxFor(db), { after: from, limit: 500 })
    events.push(...page)
    if (page.length < 500) return events
    from = BigInt(page.at(-1)!.seq)
  }
}
