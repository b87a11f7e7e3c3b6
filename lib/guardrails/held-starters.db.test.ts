import { expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { decideHeldCall, holdCall } from './commands.ts'
import { whoMayDecide } from './queries/deciders.ts'
import { getHeldCall, listHeldCalls } from './queries/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')
const rule = {
  id: null,
  title: 'Changes wait',
  deciderRoles: ['team_lead'],
  excludedDeciders: [],
  decideSeconds: 60,
  onTimeout: 'deny',
} as const
const held = { source: 'broker', class: 'write', rule } as const

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

dbTest(
  'who wrote the version that runs does not decide what it does, whoever started it; who made a version without changing it does',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const person = async () => ctxFor(db, await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] }), now)
    const [prompt, parameters, template, before, approver] = [
      await person(),
      await person(),
      await person(),
      await person(),
      await person(),
    ]
    const first = await db.agentVersion.findFirstOrThrow({ where: { agentId } })
    const changes = [
      [before, { layer: { prompt: 'Look.', parameters: {} } }],
      [prompt, { layer: { prompt: 'Wipe it.', parameters: {} } }],
      [parameters, { layer: { prompt: 'Wipe it.', parameters: { depth: 2 } } }],
      [template, { layer: { prompt: 'Wipe it.', parameters: { depth: 2 } }, templateVersion: '1.1.0' }],
      // It only learns of a server.
      [approver, { layer: { prompt: 'Wipe it.', parameters: { depth: 2 } }, templateVersion: '1.1.0' }],
      [before, { layer: { prompt: 'Later.', parameters: { depth: 3 } }, templateVersion: '1.2.0' }],
    ] as const
    for (const [index, [{ actor }, change]] of changes.entries()) {
      const made = { version: index + 2, createdById: actor.id, digest: `${index}` }
      await db.agentVersion.create({ data: { ...first, origin: undefined, rendered: {}, ...made, ...change } })
    }
    const call = { ...exactCall({ agentId, serverId }), agentVersion: 6 }
    const { heldCallId } = await holdCall(ctxFor(db, undefined, now), { ...held, call })
    const approve = { heldCallId, decision: 'approve' } as const
    for (const writer of [prompt, parameters, template]) {
      const refused = { rule: 'approvals:own_version', message: expect.stringContaining('wrote the version that runs') }
      expect(await decideHeldCall(writer, approve)).toMatchObject({ error: refused })
      expect((await getHeldCall(writer, heldCallId)).decidable).toMatchObject({ allowed: false, refusal: refused })
    }
    const all = [prompt, parameters, template, before, approver]
    const people = all.map(({ actor }) => actor) as Parameters<typeof whoMayDecide>[1]['people']
    expect(await whoMayDecide(before, { heldCallId, people })).toEqual([before.actor, approver.actor])
    const listed = async (reader: typeof before) => {
      const call = { ...exactCall({ agentId, serverId }), agentVersion: 1 }
      const other = await holdCall(ctxFor(db, undefined, new Date(now.getTime() + 1)), { ...held, call })
      const list = await listHeldCalls(reader, { agentId, state: 'waiting', first: 'decidable' })
      return list.items.map(({ id }) => (id === other.heldCallId ? 'other' : 'theirs'))
    }
    expect([await listed(prompt), await listed(approver)]).toEqual([
      ['other', 'theirs'],
      ['theirs', 'other'],
    ])
    expect(await decideHeldCall(approver, approve)).toMatchObject({ ok: true })
  },
)
