import { expect } from 'vitest'
import { type ClaudePort, createClaudePort } from '#lib/claude/commands.ts'
import { builtInTools } from '#lib/claude/rules.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { startStack } from '#lib/dev/test/stack.ts'
import { adoptUnregistered } from '#lib/lifecycle/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { dismissUnregistered, importFindings } from '#lib/registry/commands.ts'
import { getAgentVersion } from '#lib/registry/queries.ts'
import type { HarnessDeps } from './deps.ts'
import { discoverAgents } from './discover.ts'
import { provisionAgent } from './provision.ts'

/** The embedded Claude server as its own process, and the port to it. */
const test = dbTest.extend('claude', { scope: 'file' }, async ({ databaseUrl }, { onCleanup }): Promise<ClaudePort> => {
  const stack = await startStack({ databaseUrl, script: () => ({ text: 'Done.' }) })
  onCleanup(stack.stop)
  return createClaudePort({ baseUrl: stack.gate.url, apiKey: stack.env['WHEELHOUSE_CLAUDE_KEY']! })
})

function depsOf(db: Db, claude: ClaudePort): HarnessDeps {
  const log = createLog({ process: 'worker', level: 'silent' })
  const exclusively = <T>(_: string, work: () => Promise<T>) => work()
  // What provisioning and discovery use of the worker.
  return { db, claude, log, brokerUrl: 'http://localhost:7400', exclusively } as unknown as HarnessDeps
}

const spec = (name: string, metadata: Record<string, string> = {}) => ({
  name,
  description: 'made by hand',
  model: 'claude-sonnet-5-5',
  system: 'Post what comes.',
  tools: [builtInTools(['bash'])],
  mcpServers: [],
  metadata,
})

const find = (db: Db, key: string) => db.unregisteredAgent.findFirst({ where: { key } })

test('an agent somebody made at Claude is found, adopted, and stays the same one with our version on top', async ({
  db,
  claude,
}) => {
  const deps = depsOf(db, claude)
  const { id } = await claude.createAgent(spec('Nightly poster'))
  expect(await discoverAgents(deps)).toBe(1)
  const found = (await find(db, id))!
  expect(found).toMatchObject({
    source: 'claude',
    name: 'Nightly poster',
    verified: true,
    state: 'open',
    detail: { version: '1' },
    definition: {
      description: 'made by hand',
      model: 'claude-sonnet-5-5',
      system: 'Post what comes.',
      tools: ['bash'],
      mcpServers: [],
      skills: [],
    },
  })
  await discoverAgents(deps)
  expect(await find(db, id)).toMatchObject({ state: 'open', count: 1 })

  const { builder, draft } = await makeWorkshop(db)
  const adopt = (agentId: string) =>
    adoptUnregistered(ctxFor(db, builder), { unregisteredId: found.id, ...draft(agentId) })
  const outsider = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  const others = adoptUnregistered(outsider, { unregisteredId: found.id, ...draft('poster-0') })
  await expect(others).rejects.toMatchObject({ code: 'forbidden' })
  // Two at once: one of them registers it, and nothing is left of the other.
  const outcomes = await Promise.allSettled([adopt('poster-1'), adopt('poster-2')])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'conflict', details: { rule: 'registry:already_decided' } },
  })
  const agents = await db.agent.findMany({ where: { id: { startsWith: 'poster-' } } })
  expect(agents).toHaveLength(1)
  const agentId = agents[0]!.id
  const event = await db.auditEvent.findFirst({ where: { event: 'unregistered.adopted' } })
  expect(event).toMatchObject({ actorId: builder.id, agentId, detail: { agentId, prompt: 'carried' } })
  // What it was told goes on as the team's part of version 1, which says what it goes on from.
  const first = await getAgentVersion(ctxFor(db, builder), { agentId, version: 1 })
  expect(first.layer.prompt).toBe('Post what comes.')
  expect(first.rendered['system']).toContain('Post what comes.')
  expect(first.origin).toEqual({
    source: 'claude',
    key: id,
    name: 'Nightly poster',
    claudeVersion: 1,
    seenAt: expect.any(String) as string,
    definition: found.definition,
  })

  await provisionAgent(deps, { agentId, version: 1, firstRun: false }, { number: 1, last: true })
  const binding = await db.claudeBinding.findFirstOrThrow({ where: { agentId } })
  expect(binding).toMatchObject({ claudeAgentId: id, claudeVersion: 2 })
  expect((await db.agent.findUniqueOrThrow({ where: { id: agentId } })).status).toBe('active')
  expect(await discoverAgents(deps)).toBe(0)
  expect(await find(db, id)).toMatchObject({ state: 'adopted', agentId })
})

test('one that was dismissed comes back with a new version or a session, and is closed when it is archived', async ({
  db,
  claude,
}) => {
  const deps = depsOf(db, claude)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const agent = await claude.createAgent(spec('A trial'))
  await discoverAgents(deps)
  const dismiss = async () => {
    const { id } = (await find(db, agent.id))!
    const ctx = { ...security, now: new Date() }
    expect(await dismissUnregistered(ctx, { unregisteredId: id, reason: 'A trial.' })).toMatchObject({ ok: true })
    await discoverAgents(deps)
    expect((await find(db, agent.id))?.state).toBe('dismissed')
  }
  await dismiss()
  const next = await claude.updateAgent({
    id: agent.id,
    expectedVersion: 1,
    spec: { ...spec('A trial'), system: 'Changed.' },
  })
  await discoverAgents(deps)
  expect(await find(db, agent.id)).toMatchObject({ state: 'open', reason: 'A trial.', detail: { version: '2' } })
  await dismiss()
  const environment = await claude.ensureEnvironment('wheelhouse')
  await claude.createSession({
    agent: next,
    environmentId: environment.id,
    vaultIds: [],
    title: 'By hand',
    metadata: {},
    budgetMicros: 1_000_000n,
    firstMessage: 'Go.',
  })
  await discoverAgents(deps)
  expect((await find(db, agent.id))?.state).toBe('open')
  await claude.archiveAgent(agent.id)
  await discoverAgents(deps)
  expect((await find(db, agent.id))?.state).toBe('gone')
})

test('one that says it is a registered agent is found too, unless it is just being made for it', async ({
  db,
  claude,
}) => {
  const deps = depsOf(db, claude)
  const { builder, draft } = await makeWorkshop(db)
  const { createAgent } = await import('#lib/lifecycle/commands.ts')
  await createAgent(ctxFor(db, builder), draft('honest-1'))
  const mine = await claude.createAgent(spec('Honest', { wheelhouse_agent: 'honest-1' }))
  await discoverAgents(deps)
  expect(await find(db, mine.id)).toBeNull()
  const liar = await claude.createAgent(spec('Liar', { wheelhouse_agent: 'nobody-at-all' }))
  await discoverAgents(deps)
  expect(await find(db, liar.id)).toMatchObject({ state: 'open', detail: { claims_to_be: 'nobody-at-all' } })
})

test('an import of an agent that this Claude does not list waits for its decision, and what it says is kept', async ({
  db,
  claude,
}) => {
  const deps = depsOf(db, claude)
  const here = await claude.createAgent(spec('Imported too'))
  const csv = `key,claude_agent_id,owner\nhere,${here.id},marketing\nother,agent_of_another_workspace,sales\n`
  await importFindings(ctxFor(db, await makePerson(db, { roles: ['security'] })), { text: csv, format: 'csv' })
  await discoverAgents(deps)
  await discoverAgents(deps)
  expect(await find(db, here.id)).toMatchObject({
    name: 'Imported too',
    detail: { imported_as: 'here', owner: 'marketing', version: '1' },
  })
  expect((await find(db, 'agent_of_another_workspace'))?.state).toBe('open')
  const events = await db.auditEvent.findMany({ where: { event: 'unregistered.gone' }, select: { detail: true } })
  await claude.archiveAgent(here.id)
  await discoverAgents(deps)
  expect((await find(db, here.id))?.state).toBe('gone')
  expect(await db.auditEvent.count({ where: { event: 'unregistered.gone' } })).toBe(events.length + 1)
})

test('however many are dismissed, each is asked for new sessions in turn', async ({ db, claude }) => {
  const deps = depsOf(db, claude)
  const dismissed = { source: 'claude', verified: true, detail: {}, state: 'dismissed', decidedAt: new Date() }
  const seen = { firstSeenAt: new Date(), lastSeenAt: new Date(), listedAt: new Date() }
  await db.unregisteredAgent.createMany({
    data: Array.from({ length: 50 }, (_, at) => ({ ...dismissed, ...seen, key: `agent_dismissed_${at}`, name: 'x' })),
  })
  const agent = await claude.createAgent(spec('The last in turn'))
  const environment = await claude.ensureEnvironment('wheelhouse')
  await discoverAgents(deps)
  const since = new Date(Date.now() - 60_000)
  await db.unregisteredAgent.updateMany({ where: { key: agent.id }, data: { state: 'dismissed', decidedAt: since } })
  await claude.createSession({
    agent,
    environmentId: environment.id,
    vaultIds: [],
    title: 'By hand',
    metadata: {},
    budgetMicros: 1_000_000n,
    firstMessage: 'Go.',
  })
  // Those before it may have been asked already.
  for (let turn = 0; turn < 2; turn += 1) await discoverAgents(deps)
  expect((await find(db, agent.id))?.state).toBe('open')
})
