import { expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { decideHeldCall, holdCall } from './commands.ts'
import { whoMayDecide } from './queries/deciders.ts'
import { getHeldCall } from './queries/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')

dbTest(
  'who is behind a call does not decide it: who set the schedule of its run, or issued its credential',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const call = exactCall({ agentId, serverId })
    const person = async (role: Role) => ctxFor(db, await makePerson(db, { roles: [role], teamIds: [teamId] }), now)
    const [scheduler, issuer, other] = [await person('team_lead'), await person('team_lead'), await person('team_lead')]
    const run = {
      agentId,
      agentVersion: 1,
      trigger: 'schedule',
      state: 'running',
      input: '',
      simulated: false,
    } as const
    const { id: runId } = await db.run.create({ data: { ...run, scheduledById: scheduler.actor.id } })
    const clientId = `agent-${crypto.randomUUID()}`
    await db.agentCredential.create({ data: { agentId, clientId, issuedById: issuer.actor.id } })
    const rule = {
      id: null,
      title: 'Changes wait',
      deciderRoles: ['team_lead'],
      excludedDeciders: [],
      decideSeconds: 60,
    }
    const held = { source: 'broker', class: 'write', rule: { ...rule, onTimeout: 'deny' } } as const
    const system = ctxFor(db, undefined, now)
    const ofRun = await holdCall(system, { ...held, call: { ...call, runId } })
    // With the key that its token is bound to.
    const ofCredential = await holdCall(system, { ...held, call, credential: `${clientId} thumbprint` })
    for (const [{ heldCallId }, behind] of [
      [ofRun, scheduler],
      [ofCredential, issuer],
    ] as const) {
      const approve = { heldCallId, decision: 'approve' } as const
      const refused = { rule: 'approvals:own_run' }
      expect(await decideHeldCall(behind, approve)).toMatchObject({ error: refused })
      expect((await getHeldCall(behind, heldCallId)).decidable).toMatchObject({ allowed: false, refusal: refused })
      const people = [behind.actor, other.actor] as Parameters<typeof whoMayDecide>[1]['people']
      expect(await whoMayDecide(behind, { heldCallId, people })).toEqual([other.actor])
      expect(await decideHeldCall(other, approve)).toMatchObject({ ok: true })
    }
  },
)
