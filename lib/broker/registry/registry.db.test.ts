import type { Client } from '@modelcontextprotocol/client'
import { describe, expect } from 'vitest'
import { auditRow } from '#lib/audit/commands.ts'
import { freePort } from '#lib/dev/ports.ts'
import {
  connectAgent,
  encryptionKey,
  makeAgent as makeBrokerAgent,
  portalUrl,
  sessionToken,
} from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makeTeam } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { besidesTools, makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { personWithToken, post, registryPermissions } from '../testing/registry-client.ts'
import { startBroker } from '../testing/start-broker.ts'

const test = dbTest.extend('broker', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(broker.stop)
  return broker
})

type Era = 'modern' | 'legacy'
const eras = ['modern', 'legacy'] as const

function connect(url: string, token: string, era: Era = 'modern'): Promise<Client> {
  return connectAgent(url, { serverId: 'registry', token, era })
}

/** Two agents of one team, one of which may write on a production server. */
async function smallFleet(db: Db) {
  const team = await makeTeam(db)
  const erp = await makeServer(db, { environment: 'production' })
  const writer = await makeAgent(db, { ownerTeamId: team, purpose: 'post invoices' })
  const reader = await makeAgent(db, { ownerTeamId: team })
  await makeGrant(db, { agentId: writer.id, serverId: erp, class: 'write' })
  await makeGrant(db, { agentId: reader.id, serverId: erp, class: 'read' })
  return { team, erp, writer: writer.id, reader: reader.id }
}

function lastAsked(db: Db, personId: string) {
  return db.auditEvent.findFirst({ where: { actorId: personId }, orderBy: { seq: 'desc' } })
}

describe.each(eras)('a client of the %s era', (era) => {
  test('asks which agents can write to production, as the person, on the record', async ({ db, broker }) => {
    const { team, erp, writer } = await smallFleet(db)
    const { person, token } = await personWithToken(db)
    const client = await connect(broker.url, token, era)
    const query = `can:write env:production owner:${team}`
    const answer = await client.callTool({ name: 'search_agents', arguments: { query } })
    const row = await lastAsked(db, person.id)
    expect(answer.structuredContent).toMatchObject({
      total: 1,
      agents: [{ id: writer, owner: team, scopes: [`${erp}:write [production]`] }],
      nextCursor: null,
    })
    expect(answer.content).toMatchObject([{ type: 'text', text: expect.stringContaining('post invoices') as string }])
    expect(row).toMatchObject({
      event: 'registry.asked',
      actorKind: 'person',
      detail: { tool: 'search_agents', outcome: 'answered', arguments: expect.stringContaining(query) as string },
    })
    await client.close()
  })

  test('asks the same of an instant of the past', async ({ db, broker }) => {
    const { team, writer } = await smallFleet(db)
    const { token } = await personWithToken(db)
    const client = await connect(broker.url, token, era)
    const query = `can:write env:production owner:${team}`
    const before = (await instant(db)).toISOString()
    await db.grant.updateMany({ where: { agentId: writer }, data: { revokedAt: new Date() } })
    const ask = async (name: string, more = {}) =>
      (await client.callTool({ name, arguments: { query, ...more } })).structuredContent
    expect(await ask('search_agents')).toMatchObject({ total: 0 })
    expect(await ask('search_agents', { asOf: before })).toMatchObject({ total: 1, agents: [{ id: writer }] })
    expect(await ask('count_agents', { asOf: before })).toMatchObject({ total: 1 })
    expect(await ask('explain_match', { agentId: writer })).toMatchObject({ matches: false })
    expect(await ask('explain_match', { agentId: writer, asOf: before })).toMatchObject({ matches: true })
    const show = async (more = {}) =>
      (await client.callTool({ name: 'get_agent', arguments: { agentId: writer, ...more } })).structuredContent
    expect(await show()).toMatchObject({ access: [] })
    expect(await show({ asOf: before })).toMatchObject({
      id: writer,
      access: [{ tools: expect.any(Array) as string[] }],
    })
    const grants = async (more = {}) =>
      (await client.callTool({ name: 'list_grants', arguments: { agentId: writer, ...more } })).structuredContent
    expect(await grants()).toMatchObject({ total: 0 })
    expect(await grants({ history: true })).toMatchObject({ total: 1, grants: [{ state: 'revoked' }] })
    expect(await grants({ asOf: before })).toMatchObject({ total: 1, grants: [{ state: 'in_force', revokedAt: null }] })
    const tomorrow = await client.callTool({
      name: 'search_agents',
      arguments: { query, asOf: '2999-01-01T00:00:00Z' },
    })
    expect(tomorrow.isError).toBe(true)
    await client.close()
  })

  test('is told the column of a bad query and what was probably meant', async ({ db, broker }) => {
    const { person, token } = await personWithToken(db)
    const client = await connect(broker.url, token, era)
    const answer = await client.callTool({ name: 'search_agents', arguments: { query: 'status:active ownr:x' } })
    expect(answer.isError).toBe(true)
    expect(answer.content).toMatchObject([
      { text: expect.stringMatching(/^Column 15: .*Did you mean "owner"\?/) as string },
    ])
    expect(answer._meta).toMatchObject({
      'wheelhouse/refusal': { rule: 'registry:query', column: 15, suggestion: 'owner' },
    })
    expect(await lastAsked(db, person.id)).toMatchObject({ event: 'registry.asked', detail: { outcome: 'invalid' } })
    await client.close()
  })

  test('is shown read-only tools with their schemas, and reads an agent as YAML', async ({ db, broker }) => {
    const { writer } = await smallFleet(db)
    const { person, token } = await personWithToken(db)
    const client = await connect(broker.url, token, era)
    const { tools } = await client.listTools()
    expect(tools).toHaveLength(12)
    for (const tool of tools) {
      expect(tool.annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false, openWorldHint: false })
      expect(tool.outputSchema).toMatchObject({ type: 'object' })
    }
    const { contents } = await client.readResource({ uri: `wheelhouse://agents/${writer}` })
    expect(contents).toMatchObject([{ text: expect.stringContaining(`id: ${writer}`) as string }])
    expect(await lastAsked(db, person.id)).toMatchObject({
      event: 'registry.asked',
      detail: { tool: 'resources/read' },
    })
    const ref = { type: 'ref/resource', uri: 'wheelhouse://agents/{id}' } as const
    const { completion } = await client.complete({ ref, argument: { name: 'id', value: writer } })
    expect(completion.values).toEqual([writer])
    expect(await lastAsked(db, person.id)).toMatchObject({
      event: 'registry.asked',
      detail: { tool: 'completion/complete', arguments: JSON.stringify({ id: writer }), outcome: 'answered' },
    })
    const help = await client.readResource({ uri: 'wheelhouse://help/query' })
    expect(JSON.stringify(help.contents)).toContain('can:write env:production')
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['who_can', 'needs_attention'])
    await client.close()
  })
})

test('every tool answers as its output schema says', async ({ db, broker }) => {
  const { team, erp, writer, reader } = await smallFleet(db)
  await db.run.create({
    data: { agentId: writer, agentVersion: 1, trigger: 'manual', state: 'succeeded', input: '', simulated: false },
  })
  const { person, token } = await personWithToken(db)
  const client = await connect(broker.url, token)
  const ask = async (name: string, about: Record<string, unknown> = {}) => {
    const answer = await client.callTool({ name, arguments: about })
    expect([name, answer.isError ?? false, answer.content]).toMatchObject([name, false, [{ type: 'text' }]])
    return answer.structuredContent as Record<string, unknown>
  }
  expect(await ask('count_agents', { query: `owner:${team}` })).toMatchObject({
    total: 2,
    facets: { env: [{ value: 'production', count: 2 }] },
  })
  expect(await ask('complete_query', { query: `owner:${team} can:wr` })).toMatchObject({
    items: [{ text: 'can:write', agents: 1 }],
  })
  expect(await ask('explain_match', { agentId: reader, query: 'can:write' })).toMatchObject({ matches: false })
  expect(await ask('get_agent', { agentId: writer })).toMatchObject({
    id: writer,
    access: [{ scope: `${erp}:write [production]`, tools: ['change', 'look', ...besidesTools], unreached: [] }],
  })
  expect(await ask('list_servers')).toMatchObject({ servers: expect.arrayContaining([expect.anything()]) as unknown })
  expect(await ask('get_server', { serverId: erp })).toMatchObject({ id: erp, agents: 2, holdersTotal: 2 })
  expect(await ask('list_grants', { agentId: writer })).toMatchObject({ total: 1, grants: [{ state: 'in_force' }] })
  expect(await ask('get_fleet')).toMatchObject({ days: 30 })
  expect(await ask('list_runs', { agentId: writer })).toMatchObject({ total: 1, runs: [{ state: 'succeeded' }] })
  const call = { agentId: reader, serverId: erp, tool: 'change', arguments: { word: 'very private' } }
  expect(await ask('simulate_call', call)).toMatchObject({ outcome: 'refused', rule: 'grant_missing', step: 'grant' })
  const simulated = await lastAsked(db, person.id)
  expect(simulated).toMatchObject({ subjectId: reader, detail: { tool: 'simulate_call', outcome: 'answered' } })
  expect(JSON.stringify(simulated?.detail)).not.toContain('very private')
  expect(await ask('simulate_call', { ...call, agentId: writer })).toMatchObject({ outcome: 'allowed', rule: null })
  expect(await ask('explain_decision', { id: await refusedCall(db, reader, erp) })).toMatchObject({
    outcome: 'refused',
    rule: 'grant_missing',
    now: { rule: 'grant_missing', differs: false },
  })
  const nothing = await client.callTool({ name: 'explain_decision', arguments: { id: crypto.randomUUID() } })
  expect(nothing.isError).toBe(true)
  const page = await ask('search_agents', { query: `owner:${team}`, limit: 1 })
  const next = await ask('search_agents', { query: `owner:${team}`, limit: 1, cursor: page['nextCursor'] })
  expect([page, next]).toMatchObject([{ total: 2 }, { total: 2, nextCursor: null }])
  const unknown = await client.callTool({ name: 'get_agent', arguments: { agentId: 'nobody' } })
  expect([unknown.isError, JSON.stringify(unknown.content)]).toMatchObject([true, expect.stringContaining('nobody')])
  const many = Array.from({ length: 5001 }, (_, at) => ({ agentId: reader, serverId: erp, toolName: `tool-${at}` }))
  await db.grant.createMany({
    data: many.map((grant) => ({ ...grant, class: 'read', reason: 'to be counted', via: 'import' })),
  })
  const some = await ask('list_grants', { serverId: erp, limit: 2 })
  expect(some).toMatchObject({ total: 5003, grants: [expect.anything(), expect.anything()] })
  const wide = await client.callTool({ name: 'list_grants', arguments: {} })
  expect([wide.isError, JSON.stringify(wide.content)]).toMatchObject([true, expect.stringContaining('agentId')])
  await client.close()
})

async function refusedCall(db: Db, agentId: string, serverId: string): Promise<string> {
  const row = auditRow(
    { actor: { kind: 'agent', id: agentId, name: agentId }, now: new Date() },
    {
      event: 'mcp.call_denied',
      subject: { kind: 'tool', id: `${serverId}/change`, name: 'change' },
      agentId,
      serverId,
      tool: 'change',
      decision: 'deny',
      rule: 'grant_missing',
      detail: { argumentsDigest: null, class: 'write', message: 'Nothing covers it.' },
    },
  )
  await db.$queryRaw`select audit_append(${JSON.stringify([row])}::jsonb)`
  const where = { event: 'mcp.call_denied', agentId }
  return (await db.auditEvent.findFirstOrThrow({ where, orderBy: { seq: 'desc' } })).id
}

const visible: Record<string, string[]> = {
  'agents:read': [
    'search_agents',
    'count_agents',
    'complete_query',
    'explain_match',
    'get_agent',
    'list_grants',
    'simulate_call',
  ],
  'servers:read': ['list_servers', 'get_server'],
  'fleet:read': ['get_fleet'],
  'runs:read': ['list_runs', 'explain_decision'],
}

describe.each(registryPermissions)('a token that may %s only', (permission) => {
  test('sees the questions of that permission; every other is refused with its rule and on record', async ({
    db,
    broker,
  }) => {
    const { person, token } = await personWithToken(db, { permissions: [permission] })
    const client = await connect(broker.url, token)
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(visible[permission])
    for (const [other, tools] of Object.entries(visible)) {
      if (other === permission) continue
      const [name = ''] = tools
      const refused = await client.callTool({ name, arguments: {} }).catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: -32010, data: { rule: `permission:${other}` } })
      expect(await lastAsked(db, person.id)).toMatchObject({
        event: 'registry.refused',
        decision: 'deny',
        rule: `permission:${other}`,
        detail: { tool: name },
      })
    }
    if (permission !== 'agents:read') {
      await expect(client.readResource({ uri: 'wheelhouse://agents/any' })).rejects.toThrow(/not found/i)
    }
    await client.close()
  })
})

test('somebody who is deactivated, loses their roles or revokes the token is refused from the next call on', async ({
  db,
  broker,
}) => {
  const ways: Record<string, (about: { personId: string }) => Promise<unknown>> = {
    deactivated: ({ personId }) => db.person.update({ where: { id: personId }, data: { active: false } }),
    roles: ({ personId }) => db.personRole.deleteMany({ where: { personId } }),
    revoked: ({ personId }) => db.accessToken.updateMany({ where: { personId }, data: { revokedAt: new Date() } }),
  }
  for (const [way, end] of Object.entries(ways)) {
    const { person, token } = await personWithToken(db)
    const client = await connect(broker.url, token)
    expect((await client.callTool({ name: 'count_agents', arguments: {} })).isError ?? false).toBe(false)
    await end({ personId: person.id })
    const status = (await post(broker.url, { token })).status
    expect([way, status]).toEqual([way, way === 'roles' ? 403 : 401])
    await expect(client.callTool({ name: 'count_agents', arguments: {} })).rejects.toThrow()
    await client.close()
  }
})

test("an agent's token opens nothing here, and a person's token nothing of a server", async ({ db, broker }) => {
  const agent = await makeBrokerAgent(db)
  const serverId = await makeServer(db)
  await makeGrant(db, { agentId: agent.agentId, serverId })
  await broker.broker.keeper.refresh()
  const agentToken = await sessionToken(db, broker.url, agent)
  const { token } = await personWithToken(db)
  expect((await post(broker.url, { token: agentToken, path: `/mcp/${serverId}` })).status).toBe(200)
  const refused = await post(broker.url, { token: agentToken })
  expect([refused.status, await refused.json()]).toMatchObject([401, { error: { data: { rule: 'token_invalid' } } }])
  for (const path of ['/mcp', `/mcp/${serverId}`]) {
    const answer = await post(broker.url, { token, path })
    expect([path, answer.status, await answer.json()]).toMatchObject([
      path,
      401,
      { error: { data: { rule: 'token_invalid' } } },
    ])
  }
})
