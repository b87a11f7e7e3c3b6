import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { decideHeldCall, holdCall } from './commands.ts'
import { listHeldCalls } from './queries/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')

dbTest(
  'what one may decide comes before what others do, whole and in pages, and one is found by itself',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const lead = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
    await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: (await makePerson(db, {})).id } })
    const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: false } as const
    const { id: runId } = await db.run.create({ data: { ...run, requestedById: lead.id } })
    let held = 0
    const hold = async (of: object, more: { runId?: string; class?: 'read' | null; credential?: string } = {}) => {
      held += 1
      const call = { ...exactCall({ agentId, serverId }), runId: more.runId ?? null, arguments: { held } }
      const rule = {
        id: null,
        title: 'Changes wait',
        decideSeconds: 600,
        onTimeout: 'deny',
        excludedDeciders: [],
      } as const
      const { heldCallId } = await holdCall(ctxFor(db, undefined, new Date(now.getTime() + held)), {
        source: 'broker',
        call,
        ...(more.credential ? { credential: more.credential } : {}),
        class: more.class === undefined ? 'write' : more.class,
        rule: { ...rule, deciderRoles: ['team_lead'], ...of },
      })
      return heldCallId
    }
    const ofSecurity = [await hold({ deciderRoles: ['security'] }), await hold({ deciderRoles: ['security'] })]
    const notOwn = await hold({ excludedDeciders: ['own_team'] })
    const started = await hold({}, { runId, class: null })
    const clientId = `agent-${crypto.randomUUID()}`
    await db.agentCredential.create({ data: { agentId, clientId, issuedById: lead.id } })
    const issued = await hold({}, { credential: clientId })
    expect(await db.heldCall.findUnique({ where: { id: issued } })).toMatchObject({ startedById: lead.id, runId: null })
    const mine = [
      await hold({}),
      await hold({}, { class: null }),
      await hold({}, { runId, class: 'read' }),
      await hold({}, { credential: clientId, class: 'read' }),
    ]
    const order = [...mine, ...ofSecurity, notOwn, started, issued]
    const ctx = ctxFor(db, lead, new Date(now.getTime() + 1000))
    const list = (more: object = {}) => listHeldCalls(ctx, { state: 'waiting', first: 'decidable', agentId, ...more })
    const whole = await list()
    expect(whole.items.map(({ id }) => id)).toEqual(order)
    // The order and the rule agree.
    expect(whole.items.map(({ decidable }) => decidable.allowed)).toEqual(order.map((id) => mine.includes(id)))
    const pages: string[] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await list({ limit: 2, ...(cursor ? { cursor } : {}) })
      pages.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
      // What was last on the first page is decided before the second one is asked for.
      if (pages.length === 2) await decideHeldCall(ctx, { heldCallId: mine[1]!, decision: 'approve' })
    }
    expect(pages).toEqual(order)
    expect((await list({ id: notOwn })).items.map(({ id }) => id)).toEqual([notOwn])
    expect((await list({ id: mine[1] })).items).toEqual([])
    expect((await list({ runId })).items.map(({ id }) => id)).toEqual([mine[2], started])
    // Who decides nothing sees them as they came.
    const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }), ctx.now)
    const seen = await listHeldCalls(finance, { state: 'waiting', first: 'decidable', agentId })
    expect(seen.items.map(({ id }) => id)).toEqual([...ofSecurity, notOwn, started, issued, mine[0], mine[2], mine[3]])
  },
)
