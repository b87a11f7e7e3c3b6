import fc from 'fast-check'
import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { getAgent } from '#lib/registry/queries.ts'
import { decideScopeRequest, narrowGrant, revokeGrant } from '#lib/scopes/commands.ts'
import { applyManifest, createAgent, previewAgent, refuseManifestProblems } from '../commands.ts'
import { exportManifest, exportManifests } from '../queries.ts'

const now = new Date('2026-11-22T10:00:00Z')
const slugOf = () => `agent-${crypto.randomUUID().slice(0, 8)}`

/** A builder in a team, a server with a pre-approved read, and an active agent made from the template. */
async function world(db: Db) {
  const teamId = await makeTeam(db)
  const builder = await makePerson(db, { roles: ['builder', 'team_lead'], teamIds: [teamId] })
  const serverId = await makeServer(db)
  const scope = { server: serverId, class: 'read', required: true, approval: 'auto', reason: 'to look' } as const
  const template = await makeTemplate(db, { scopes: [scope] })
  const ctx = ctxFor(db, builder, now)
  const id = slugOf()
  await createAgent(ctx, {
    id,
    name: 'An agent',
    purpose: 'to be exported',
    ownerTeamId: teamId,
    accountablePersonId: builder.id,
    tier: 'low',
    templateId: template.id,
  })
  await db.agent.update({ where: { id }, data: { status: 'active' } })
  return { ctx, id, teamId, builder, serverId, template }
}

async function sequence(db: Db): Promise<bigint> {
  return (await db.auditHead.findFirstOrThrow()).seq
}

const newAgent = (at: Awaited<ReturnType<typeof world>>, id: string, more = '') =>
  `id: ${id}\nowner: ${at.teamId}\npurpose: from a file\ntemplate: ${at.template.id}@1.0.0\n${more}`

async function applied(ctx: Ctx, text: string) {
  return refuseManifestProblems(await applyManifest(ctx, text))
}

dbTest('export, apply, export: nothing changes and the bytes are the same', async ({ db }) => {
  const { ctx, id, serverId } = await world(db)
  await db.agentDay.create({ data: { agentId: id, day: new Date('2026-11-20'), runs: 3, escalatedRuns: 1 } })
  await makeGrant(db, { agentId: id, serverId, class: 'write', toolName: 'change', expiresAt: new Date('2026-12-31') })
  await db.agent.update({
    where: { id },
    data: { lastReviewedAt: now, schedule: '0 6 * * *', scheduleEnabled: false, monthlyBudgetMicros: 12_500_000n },
  })
  const text = await exportManifest(ctx, id)
  expect(text).toContain('monthly_runs: 3\nescalation_rate: 0.3333\n')
  expect(text).toContain(`{class: write, tool: change, until: 2026-12-31T00:00:00.000Z}`)
  const before = await sequence(db)
  expect(await applied(ctx, text)).toMatchObject({ applied: true, changes: [{ id, action: 'none', changes: [] }] })
  expect(await sequence(db)).toBe(before)
  expect(await exportManifest(ctx, id)).toBe(text)
})

dbTest(
  'the round trip is exact whatever a team types',
  async ({ db }) => {
    const { ctx, id } = await world(db)
    const text = fc.string({ unit: 'binary', maxLength: 60 }).map((raw) => raw.replace(/[\p{Cc}\p{Cs}]/gu, '\n'))
    const line = fc
      .string({ unit: 'binary', maxLength: 40 })
      .map((raw) => raw.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '').trim() || 'x')
    const property = fc.asyncProperty(line, line, text, async (name, purpose, prompt) => {
      await db.agent.update({ where: { id }, data: { name, purpose } })
      const exported = await exportManifest(ctx, id)
      const withPrompt = exported.replace('mcp_scopes:', `prompt: ${JSON.stringify(prompt)}\nmcp_scopes:`)
      const plan = await applyManifest(ctx, exported.includes('prompt:') ? exported : withPrompt)
      const again = await exportManifest(ctx, id)
      const quiet = await applyManifest(ctx, again)
      return plan.applied && quiet.changes[0]?.action === 'none' && again === (await exportManifest(ctx, id))
    })
    await expect(fc.assert(property, { numRuns: 25 })).resolves.toBeUndefined()
  },
  60_000,
)

dbTest('a dry run plans exactly what applying does, and writes nothing', async ({ db }) => {
  const at = await world(db)
  const fresh = slugOf()
  const text = `${newAgent(at, fresh, `mcp_scopes:\n  ${at.serverId}: [read]\n`)}---\nid: ${at.id}\nname: Renamed\npurpose: more\n`
  const before = await sequence(db)
  const plan = await applyManifest(at.ctx, text, { dryRun: true })
  expect(plan).toMatchObject({ applied: false, problems: [] })
  expect(plan.changes).toMatchObject([
    { id: fresh, action: 'create', line: 1 },
    { id: at.id, action: 'change', changes: ['name: "An agent" → "Renamed"', 'purpose: "to be exported" → "more"'] },
  ])
  expect(await sequence(db)).toBe(before)
  expect(await db.agent.count({ where: { id: fresh } })).toBe(0)
  expect(await applied(at.ctx, text)).toEqual({ ...plan, applied: true })
  expect(await applied(at.ctx, text)).toMatchObject({ changes: [{ action: 'none' }, { action: 'none' }] })
  const events = (await auditOf(db, fresh)).map(({ event }) => event)
  expect(events).toEqual(['agent.created', 'agent.version_created', 'grant.created', 'agent.imported'])
})

dbTest('with any problem nothing of the file is applied, and each has its line', async ({ db }) => {
  const at = await world(db)
  const [good, bad] = [slugOf(), slugOf()]
  const text = [
    newAgent(at, good),
    newAgent(at, bad, 'schedule: every day\nparameters:\n  nope: 1\nmcp_scopes:\n  nowhere: [read]\n'),
    `id: ${at.id}\nmonthly_runs: 5\nescalation_rate: 0.5\nlast_reviewed: 2026-01-01\ntemplate: other@1.0.0\naccountable: x@y.z\n`,
  ].join('---\n')
  const before = await sequence(db)
  const plan = await applyManifest(at.ctx, text)
  expect(plan.applied).toBe(false)
  const lines = text.split('\n')
  const found = plan.problems.map(({ id, line }) => `${id} ${lines[line - 1]?.split(':')[0]}`)
  expect(found.toSorted()).toEqual(
    [
      `${bad} schedule`,
      `${bad} parameters`,
      `${bad} mcp_scopes`,
      `${at.id} monthly_runs`,
      `${at.id} escalation_rate`,
      `${at.id} last_reviewed`,
      `${at.id} template`,
    ].toSorted(),
  )
  expect(() => refuseManifestProblems(plan)).toThrow(/^Line \d+: .*and 6 more/)
  expect(await sequence(db)).toBe(before)
  expect(await db.agent.count({ where: { id: { in: [good, bad] } } })).toBe(0)
})

dbTest('a new agent needs its owner, purpose and template, and begins active and unmeasured', async ({ db }) => {
  const at = await world(db)
  const messages = async (text: string) =>
    (await applyManifest(at.ctx, text)).problems.map(({ message }) => message).join()
  expect(await messages('id: brand-new\n')).toMatch(/owner.*purpose.*template/)
  expect(await messages(newAgent(at, slugOf(), 'status: suspended\n'))).toContain('begins active')
  expect(await messages(newAgent(at, slugOf(), 'monthly_runs: 7\n'))).toContain('measured')
  expect(await messages(newAgent(at, slugOf(), 'last_reviewed: 2026-05-30\n'))).toContain('agents:import')
  expect(await messages(newAgent(at, slugOf()).replace(at.teamId, 'no-team'))).toContain('no team')
  const id = slugOf()
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  await applied(admin, newAgent(at, id, 'last_reviewed: 2026-05-30\nschedule: 0 6 * * *\nschedule_enabled: false\n'))
  expect(await getAgent(admin, id)).toMatchObject({
    lastReviewedAt: '2026-05-30T00:00:00.000Z',
    nextReviewAt: '2026-08-28T00:00:00.000Z',
    schedule: '0 6 * * *',
    scheduleEnabled: false,
    status: 'provisioning',
  })
})

dbTest('scopes follow the manifest without going around approval', async ({ db }) => {
  const { ctx, id, serverId } = await world(db)
  const scopes = (list: string) => `id: ${id}\nmcp_scopes:\n  ${serverId}: ${list}\n`
  const held = async () => (await getAgent(ctx, id)).access.map((grant) => grant.class)
  expect(await applied(ctx, scopes('[write]'))).toMatchObject({
    changes: [{ changes: [`request write on ${serverId}`] }],
  })
  expect(await held()).toEqual(['read'])
  expect(await applied(ctx, scopes('[write]'))).toMatchObject({ changes: [{ action: 'none' }] })
  await db.scopeRequest.updateMany({ where: { agentId: id }, data: { state: 'approved' } })
  await makeGrant(db, { agentId: id, serverId, class: 'write' })
  expect(await applied(ctx, scopes('[write]'))).toMatchObject({
    changes: [{ changes: [`revoke read on ${serverId}`] }],
  })
  expect(await held()).toEqual(['write'])
  await applied(ctx, `id: ${id}\nmcp_scopes: {}\n`)
  expect(await held()).toEqual([])
  expect(await applied(ctx, scopes('[read]'))).toMatchObject({
    changes: [{ changes: [`request read on ${serverId}`] }],
  })
  expect(await held()).toEqual([])
})

dbTest(
  'a file that names a tool with a wider class than it needs is satisfied by the grant of that tool',
  async ({ db }) => {
    const at = await world(db)
    const { ctx, serverId } = at
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    const none = { changes: [{ action: 'none', changes: [] }] }
    const approve = async (agentId: string) => {
      const waiting = await db.scopeRequest.findMany({ where: { agentId, state: 'pending' } })
      for (const { id: requestId, revision } of waiting) {
        const decided = await decideScopeRequest(security, { requestId, revision, decision: 'approve' })
        if (!decided.ok) throw new Error(decided.error.message)
      }
      return waiting.length
    }
    const grants = async (agentId: string) =>
      (await getAgent(ctx, agentId)).access.map((grant) => `${grant.class} ${grant.toolName}`).toSorted()

    // As the wizard asks: one request for both tools, with the class of the wider one.
    const id = slugOf()
    const draft = {
      id,
      name: 'Another agent',
      purpose: 'to be made twice',
      ownerTeamId: at.teamId,
      accountablePersonId: at.builder.id,
      tier: 'low' as const,
      templateId: at.template.id,
      scopes: [{ serverId, class: 'write' as const, toolNames: ['change', 'look'], reason: 'to mend what it sees' }],
    }
    const { yaml } = await previewAgent(ctx, draft)
    expect(yaml).toContain('{class: read, tool: look}')
    await createAgent(ctx, draft)
    await db.agent.update({ where: { id }, data: { status: 'active' } })
    const wide = `id: ${id}\nmcp_scopes:\n  ${serverId}: [read, {class: write, tool: look}, {class: write, tool: change}]\n`
    for (const text of [yaml, wide]) expect(await applied(ctx, text)).toMatchObject(none)
    expect(await approve(id)).toBe(1)
    expect(await grants(id)).toEqual(['read look', 'read null', 'write change'])
    const before = await sequence(db)
    for (const text of [yaml, yaml, wide, wide]) expect(await applied(ctx, text)).toMatchObject(none)
    expect(await sequence(db)).toBe(before)

    // A tool that came to need more than its grant gives is asked for.
    await db.mcpTool.updateMany({ where: { serverId, name: 'look' }, data: { class: 'write' } })
    expect(await applied(ctx, wide)).toMatchObject({ changes: [{ changes: [`request write on ${serverId} (look)`] }] })
    await db.mcpTool.updateMany({ where: { serverId, name: 'look' }, data: { class: 'read' } })

    // A new agent from such a file asks for what the tool needs.
    const made = slugOf()
    const file = newAgent(at, made, `mcp_scopes:\n  ${serverId}: [read, {class: destructive, tool: change}]\n`)
    await applied(ctx, file)
    await db.agent.update({ where: { id: made }, data: { status: 'active' } })
    expect(await db.scopeRequest.findMany({ where: { agentId: made } })).toMatchObject([{ class: 'write' }])
    expect(await approve(made)).toBe(1)
    expect(await grants(made)).toEqual(['read null', 'write change'])
    expect(await applied(ctx, file)).toMatchObject(none)
  },
)

dbTest('what was taken away does not come back by a file, whatever the template pre-approves', async ({ db }) => {
  const { ctx, id, serverId } = await world(db)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  const text = `id: ${id}\nmcp_scopes:\n  ${serverId}: [read]\n`
  const requested = { changes: [{ changes: [`request read on ${serverId}`] }] }
  const held = async () => (await getAgent(ctx, id)).access.map((grant) => grant.toolName)
  const { id: grantId } = await db.grant.findFirstOrThrow({ where: { agentId: id } })
  // Narrowed to one tool, as a proposal or a review does: the whole is asked for again, the tool stays until then.
  const narrowed = await narrowGrant(ctx, { grantId, toolNames: ['look'], reason: 'It only looks.' })
  if (!narrowed.ok) throw new Error(narrowed.error.message)
  expect(await applied(ctx, text)).toMatchObject(requested)
  expect(await held()).toEqual(['look'])
  const { id: requestId } = await db.scopeRequest.findFirstOrThrow({ where: { agentId: id } })
  await decideScopeRequest(security, { requestId, decision: 'reject', note: 'It only needs to look.' })
  // Revoked by security, then applied as it was exported before.
  for (const each of narrowed.value.grantIds) {
    await revokeGrant(security, { grantId: each, reason: 'It read what it should not.' })
  }
  const tool = `id: ${id}\nmcp_scopes:\n  ${serverId}: [{class: read, tool: look}]\n`
  expect(await applied(ctx, tool)).toMatchObject({ changes: [{ changes: [`request read on ${serverId} (look)`] }] })
  expect(await held()).toEqual([])
  expect(await db.grant.count({ where: { agentId: id, revokedAt: null } })).toBe(0)
})

dbTest('status, owner and logic follow the manifest; a retired agent stays retired', async ({ db }) => {
  const { ctx, id } = await world(db)
  const change = async (text: string) => (await applied(ctx, `id: ${id}\n${text}`)).changes[0]?.changes
  expect(await change('status: suspended\n')).toEqual(['status: "active" → "suspended"'])
  expect(await change('status: active\nprompt: |\n  Be kind.\n')).toEqual(['prompt', 'status: "suspended" → "active"'])
  expect((await getAgent(ctx, id)).version).toBe(2)
  expect(await change('status: retired\n')).toEqual(['status: "active" → "retired"'])
  const plan = await applyManifest(ctx, `id: ${id}\nstatus: active\n`)
  expect(plan.problems[0]?.message).toContain('stays retired')
  const text = await exportManifest(ctx, id)
  expect(await applied(ctx, text)).toMatchObject({ changes: [{ action: 'none' }] })
})

dbTest(
  'two who apply the same file at once: every agent is made once',
  async ({ db }) => {
    const at = await world(db)
    const ids = Array.from({ length: 8 }, slugOf)
    const file = ids.map((id) => newAgent(at, id)).join('---\n')
    const reversed = ids
      .toReversed()
      .map((id) => newAgent(at, id))
      .join('---\n')
    const plans = await Promise.all([applyManifest(at.ctx, file), applyManifest(at.ctx, reversed)])
    expect(plans.some(({ applied: done }) => done)).toBe(true)
    expect(await db.auditEvent.count({ where: { event: 'agent.created', agentId: { in: ids } } })).toBe(ids.length)
    let exported = ''
    for await (const piece of exportManifests(at.ctx, ids)) exported += piece
    expect(exported).toMatch(/^id: [^]+\n---\nid: /)
  },
  30_000,
)

dbTest('who may not change agents of a team cannot by a file either', async ({ db }) => {
  const at = await world(db)
  const { id } = at
  const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }), now)
  const unimported = await applyManifest(at.ctx, newAgent(at, slugOf(), 'last_reviewed: 2026-05-30\n'))
  expect(unimported.problems[0]?.message).toContain('agents:import')
  await expect(applyManifest(finance, `id: ${id}\nname: x\n`)).rejects.toMatchObject({ code: 'forbidden' })
  const stranger = ctxFor(db, await makePerson(db, { roles: ['team_lead'] }), now)
  expect((await applyManifest(stranger, `id: ${id}\nname: x\n`)).problems[0]?.message).toContain('Only members')
  await expect(exportManifest(ctxFor(db, await makePerson(db, { roles: [] })), id)).rejects.toMatchObject({
    code: 'forbidden',
  })
})
