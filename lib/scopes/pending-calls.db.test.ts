import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { narrowGrant, revokeGrant } from './commands.ts'
import { grantCallsSince, grantUsage, unusedGrants } from './queries.ts'
import { narrowGrantInput, narrowingOf, unusedGrantsQuery } from './schema/usage.ts'

const now = new Date('2026-11-25T10:00:00Z')
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000)

async function scene(db: Db) {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db, { tools: { look: 'read', find: 'read', change: 'write' } })
  const grant = (more: object = {}) => makeGrant(db, { agentId, serverId, createdAt: daysAgo(60), ...more })
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  await db.trafficCursor.upsert({ where: { id: 1 }, create: { id: 1 }, update: {} })
  await db.$executeRaw`update "TrafficCursor" set "seq" = (select "seq" from "AuditHead")`
  /** What brokers have put on record and the worker has not added up. */
  const recorded = (tool: string, outcome = 'ok') =>
    db.$executeRaw`select audit_append(jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'at', ${now}::timestamptz, 'event', 'mcp.call_allowed',
      'actorKind', 'agent', 'actorId', 'a', 'actorName', 'A', 'subjectKind', 'tool', 'subjectId', 't', 'subjectName', 't', 'agentId', ${agentId}::text, 'teamId', null,
      'serverId', ${serverId}::text, 'tool', ${tool}::text, 'runId', null, 'decision', 'allow', 'rule', null, 'requestId', null,
      'detail', jsonb_build_object('outcome', ${outcome}::text, 'ms', 1))), false)`
  const usageOf = async (grantId: string) =>
    (await grantUsage(security, { agentId, days: 30 })).find((each) => each.grantId === grantId)!
  return { agentId, serverId, grant, security, recorded, usageOf }
}
const notProposed = { ok: false, error: { rule: 'scopes:not_proposed' } }

describe('calls that are on record and not added up yet', () => {
  dbTest('make a grant used, so that nobody revokes it as unused a moment after its first call', async ({ db }) => {
    const { agentId, grant, security, recorded, usageOf } = await scene(db)
    const one = await grant({ toolName: 'look' })
    const listed = async () =>
      (await unusedGrants(security, unusedGrantsQuery.parse({ limit: 200 }))).items.some(
        ({ grantId }) => grantId === one,
      )
    expect(await listed()).toBe(true)
    expect(await usageOf(one)).toMatchObject({ verdict: 'unused', proposal: { kind: 'revoke', because: 'unused' } })
    // What a server asks in between is no call, as when it is added up.
    await recorded('look', 'input_required')
    expect(await listed()).toBe(true)
    await recorded('look')
    expect(await listed()).toBe(false)
    expect(await usageOf(one)).toMatchObject({ verdict: 'used', calls: 1, proposal: null, missing: { calls: 19 } })
    const follow = { grantId: one, reason: 'As proposed.', proposedOver: 30 }
    expect(await revokeGrant(security, follow)).toMatchObject(notProposed)
    expect((await auditOf(db, agentId)).map(({ event }) => event)).not.toContain('grant.revoked')
    const since = await grantCallsSince(security, [{ grantId: one, since: daysAgo(1) }])
    expect(since.get(one)).toEqual([{ tool: 'look', calls: 1 }])
  })

  dbTest(
    'of a tool that a narrower grant would not keep refuse the narrowing, and are counted once when they are added up',
    async ({ db }) => {
      const { agentId, serverId, grant, security, recorded, usageOf } = await scene(db)
      const wide = await grant({ class: 'write' })
      const row = { agentId, serverId, tool: 'look', day: daysAgo(3), lastAt: daysAgo(3) }
      await db.agentToolDay.create({ data: { ...row, calls: 40 } })
      const { proposal } = await usageOf(wide)
      expect(proposal).toMatchObject({ kind: 'narrow', toolNames: ['look'] })
      const input = narrowGrantInput.parse({ ...narrowingOf(wide, proposal!, 30), reason: 'As proposed.' })
      await recorded('change')
      expect(await narrowGrant(security, input)).toMatchObject(notProposed)
      expect((await usageOf(wide)).proposal).toMatchObject({ toolNames: ['look', 'change'], calls: 41, denials: 0 })
      // Added up, as the worker does in one transaction: nothing is counted twice or lost.
      await db.$transaction([
        db.agentToolDay.create({ data: { ...row, tool: 'change', day: now, lastAt: now, calls: 1 } }),
        db.$executeRaw`update "TrafficCursor" set "seq" = (select "seq" from "AuditHead")`,
      ])
      expect(await usageOf(wide)).toMatchObject({ calls: 41, proposal: { toolNames: ['look', 'change'] } })
      expect(await narrowGrant(security, { ...input, toolNames: ['look', 'change'] })).toMatchObject({ ok: true })
    },
  )

  dbTest('are counted once by whoever asks while they are added up', async ({ db }) => {
    const { agentId, serverId, grant, recorded, usageOf } = await scene(db)
    const one = await grant({ toolName: 'look' })
    const row = { agentId, serverId, tool: 'look', day: now, lastAt: now }
    await db.agentToolDay.create({ data: { ...row, calls: 0 } })
    // As the worker does, in one transaction.
    const addUp = () =>
      db.$transaction([
        db.agentToolDay.updateMany({ where: { agentId }, data: { calls: { increment: 1 } } }),
        db.$executeRaw`update "TrafficCursor" set "seq" = (select "seq" from "AuditHead")`,
      ])
    for (let calls = 1; calls <= 15; calls += 1) {
      await recorded('look')
      const seen = await Promise.all([usageOf(one), usageOf(one), addUp(), usageOf(one), usageOf(one)])
      expect(seen.map((usage) => (Array.isArray(usage) ? calls : usage.calls))).toEqual(Array(5).fill(calls))
    }
  })

  dbTest(
    'are of a grant that stays: nobody revokes one for another that somebody takes away at once',
    async ({ db }) => {
      const { agentId, serverId, grant, security, recorded, usageOf } = await scene(db)
      const narrow = await grant({ toolName: 'look' })
      const wide = await grant()
      const row = { agentId, serverId, tool: 'look', day: daysAgo(3), lastAt: daysAgo(3) }
      await db.agentToolDay.create({ data: { ...row, calls: 40 } })
      await recorded('look')
      expect((await usageOf(wide)).proposal).toMatchObject({ kind: 'revoke', because: 'covered', coveredBy: [narrow] })
      const asProposed = { grantId: wide, reason: 'The other one is enough.', proposedOver: 30 }
      const following = await inTx(security, async (_tx, ctx) => {
        expect(await revokeGrant(ctx, { grantId: narrow, reason: 'It goes.' })).toMatchObject({ ok: true })
        // It is asked for before the other one is known to be gone.
        const asked = revokeGrant(security, asProposed)
        await sleep(300)
        return { asked }
      })
      expect(await following.asked).toMatchObject(notProposed)
      expect(await db.grant.findMany({ where: { agentId, revokedAt: null } })).toMatchObject([{ id: wide }])
    },
  )

  dbTest('of which too many wait to look at all say of arguments that they are not known', async ({ db }) => {
    const { agentId, serverId, grant, recorded, usageOf } = await scene(db)
    const one = await grant({ toolName: 'look' })
    const row = { agentId, serverId, tool: 'look' }
    await db.agentToolDay.create({ data: { ...row, day: daysAgo(20), lastAt: daysAgo(20), calls: 60 } })
    const paths = { '/currency': { calls: 60, values: [['EUR', 60]] as [string, number][], prefix: 'EUR' } }
    // Of the Monday of that day.
    const week = new Date('2026-11-02T00:00:00Z')
    await db.argumentProfile.create({
      data: { ...row, week, calls: 60, known: 60, unknown: 0, firstAt: daysAgo(20), paths },
    })
    expect((await usageOf(one)).proposal).toMatchObject({ because: 'arguments' })
    await recorded('look')
    expect(await usageOf(one)).toMatchObject({
      proposal: null,
      arguments: [
        { tool: 'look', verdict: 'insufficient_data', known: 60, missing: { calls: 0, days: 0, unknown: 1 } },
      ],
    })
  })
})
