import { describe, expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { worldFixture } from '../testing/fixtures.ts'
import { clientFor, keys } from '../testing/world.ts'

const worldTest = dbTest.extend('world', { scope: 'file' }, worldFixture)

describe('agents', () => {
  worldTest('an update makes a new version and leaves the old one as it was', async ({ world }) => {
    const { agents } = world.client.beta
    const first = await agents.create({
      name: 'A',
      model: 'claude-sonnet-5-5',
      system: 'one',
      metadata: { a: '1', b: '2' },
    })
    expect(first).toMatchObject({
      type: 'agent',
      version: 1,
      description: null,
      tools: [],
      mcp_servers: [],
      skills: [],
      multiagent: null,
      execution_identity: { type: 'service_account' },
      model: { id: 'claude-sonnet-5-5', speed: 'standard' },
      archived_at: null,
    })
    const second = await agents.update(first.id, { version: 1, system: 'two', metadata: { a: null, c: '3' } })
    expect(second).toMatchObject({ version: 2, name: 'A', system: 'two', metadata: { b: '2', c: '3' } })
    expect(await agents.retrieve(first.id, { version: 1 })).toMatchObject({ version: 1, system: 'one' })
    expect(await agents.retrieve(first.id)).toMatchObject({ version: 2 })
    await expect(agents.retrieve(first.id, { version: 3 })).rejects.toMatchObject({ status: 404 })
  })

  worldTest('an update that changes nothing keeps the version', async ({ world }) => {
    const { agents } = world.client.beta
    const agent = await agents.create({ name: 'B', model: 'claude-sonnet-5-5', system: 'same' })
    expect((await agents.update(agent.id, { system: 'same' })).version).toBe(1)
  })

  worldTest('of two updates of the same version at once one wins, the other is a conflict', async ({ world }) => {
    const { agents } = world.client.beta
    const agent = await agents.create({ name: 'C', model: 'claude-sonnet-5-5' })
    const outcomes = await Promise.allSettled([
      agents.update(agent.id, { version: 1, system: 'left' }),
      agents.update(agent.id, { version: 1, system: 'right' }),
    ])
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const refused = outcomes.find((outcome) => outcome.status === 'rejected')
    expect(refused?.reason).toMatchObject({ status: 409 })
  })

  worldTest(
    'the defaults of toolsets are those of the API: built-in tools are allowed, MCP tools ask',
    async ({ world }) => {
      const agent = await world.client.beta.agents.create({
        name: 'D',
        model: 'claude-sonnet-5-5',
        mcp_servers: [{ type: 'url', name: 'erp', url: 'http://localhost:7400/mcp/erp' }],
        tools: [{ type: 'agent_toolset_20260401' }, { type: 'mcp_toolset', mcp_server_name: 'erp' }],
      })
      expect(agent.tools).toMatchObject([
        { default_config: { enabled: true, permission_policy: { type: 'always_allow' } } },
        { default_config: { enabled: true, permission_policy: { type: 'always_ask' } } },
      ])
    },
  )

  worldTest('what this server cannot do is refused, not ignored', async ({ world }) => {
    const { agents } = world.client.beta
    const create = async (rest: object) => await agents.create({ name: 'E', model: 'claude-sonnet-5-5', ...rest })
    const server = { type: 'url', name: 'erp', url: 'http://localhost/mcp' }
    await expect(create({ mcp_servers: [server] })).rejects.toThrow(/erp is not referenced/)
    await expect(create({ tools: [{ type: 'mcp_toolset', mcp_server_name: 'erp' }] })).rejects.toThrow(
      /not in mcp_servers/,
    )
    await expect(create({ multiagent: { type: 'multiagent_20261001' } })).rejects.toMatchObject({ status: 400 })
    await expect(create({ skills: [{ type: 'anthropic', skill_id: 'xlsx' }] })).rejects.toMatchObject({ status: 400 })
    const auto = { type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'auto' } } }
    await expect(create({ tools: [auto] })).rejects.toMatchObject({ status: 400 })
  })

  worldTest('an archived agent stays readable but takes no change and no session', async ({ world }) => {
    const { agents, sessions } = world.client.beta
    const agent = await agents.create({ name: 'F', model: 'claude-sonnet-5-5' })
    expect((await agents.archive(agent.id)).archived_at).not.toBeNull()
    await expect(agents.update(agent.id, { system: 'x' })).rejects.toMatchObject({ status: 400 })
    await expect(sessions.create({ agent: agent.id, environment_id: 'env_wheelhouse' })).rejects.toMatchObject({
      status: 400,
    })
    expect((await agents.retrieve(agent.id)).id).toBe(agent.id)
  })

  worldTest('lists go through every page, in both lists and versions', async ({ world }) => {
    const { agents } = world.client.beta
    const agent = await agents.create({ name: 'G', model: 'claude-sonnet-5-5' })
    for (const system of ['1', '2', '3']) await agents.update(agent.id, { system })
    const versions: number[] = []
    for await (const version of agents.versions.list(agent.id, { limit: 2 })) versions.push(version.version)
    expect(versions).toEqual([4, 3, 2, 1])

    const all: string[] = []
    for await (const listed of agents.list({ limit: 2, include_archived: true })) all.push(listed.id)
    expect(new Set(all).size).toBe(all.length)
    expect(all[0]).toBe(agent.id)
    const live: string[] = []
    for await (const listed of agents.list({ limit: 100 })) live.push(listed.id)
    expect(live.length).toBe(all.length - 1)
  })
})

describe('environments', () => {
  worldTest('keep what an update does not name, and their type for good', async ({ world }) => {
    const { environments } = world.client.beta
    const made = await environments.create({ name: 'cloud', config: { type: 'cloud', packages: { npm: ['zod'] } } })
    expect(made.config).toMatchObject({
      type: 'cloud',
      networking: { type: 'unrestricted' },
      packages: { npm: ['zod'], apt: [] },
    })
    const updated = await environments.update(made.id, { config: { type: 'cloud', packages: { apt: ['jq'] } } })
    expect(updated.config).toMatchObject({ packages: { npm: ['zod'], apt: ['jq'] } })
    const changed = environments.update(made.id, { config: { type: 'self_hosted' } })
    await expect(changed).rejects.toMatchObject({ status: 400, errorCode: 'invalid_config_type_change' })
    await environments.archive(made.id)
    await expect(environments.update(made.id, { name: 'x' })).rejects.toMatchObject({
      errorCode: 'environment_archived',
    })
    expect(await environments.delete(made.id)).toEqual({ id: made.id, type: 'environment_deleted' })
    await expect(environments.retrieve(made.id)).rejects.toMatchObject({ status: 404 })
  })

  worldTest('the seeded one is there, and a cloud one takes no session', async ({ world }) => {
    const { beta } = world.client
    expect(await beta.environments.retrieve('env_wheelhouse')).toMatchObject({
      name: 'wheelhouse',
      config: { type: 'self_hosted' },
    })
    const cloud = await beta.environments.create({ name: 'cloud', config: { type: 'cloud' } })
    const agent = await beta.agents.create({ name: 'H', model: 'claude-sonnet-5-5' })
    const refused = beta.sessions.create({ agent: agent.id, environment_id: cloud.id })
    await expect(refused).rejects.toMatchObject({ status: 400 })
  })
})

describe('the API', () => {
  worldTest('answers a wrong or missing key with its error envelope and a request id', async ({ world }) => {
    for (const headers of [{ 'x-api-key': 'wrong' }, { authorization: 'Bearer wrong' }, {}] as Record<
      string,
      string
    >[]) {
      const response = await fetch(`${world.server.url}/v1/agents`, { headers: { ...versions, ...headers } })
      expect(response.status).toBe(401)
      const requestId = response.headers.get('request-id')
      expect(await response.json()).toEqual({
        type: 'error',
        error: { type: 'authentication_error', message: expect.any(String) as string },
        request_id: requestId,
      })
    }
    await expect(clientFor(world.server.url, 'wrong').beta.agents.list()).rejects.toMatchObject({
      status: 401,
      type: 'authentication_error',
      requestID: expect.stringMatching(/^req_/) as string,
    })
  })

  worldTest('wants the beta header, the version header, JSON and a known path', async ({ world }) => {
    const call = async (path: string, init: RequestInit = {}) =>
      (await fetch(`${world.server.url}${path}`, init)).status
    const auth = { 'x-api-key': keys.apiKey }
    expect(await call('/v1/agents', { headers: { ...auth, ...versions } })).toBe(200)
    expect(await call('/v1/agents', { headers: { ...auth, 'anthropic-version': '2023-06-01' } })).toBe(404)
    expect(await call('/v1/agents', { headers: { ...auth, 'anthropic-beta': versions['anthropic-beta'] } })).toBe(400)
    expect(await call('/v1/nothing', { headers: { ...auth, ...versions } })).toBe(404)
    expect(await call('/v1/agents', { method: 'DELETE', headers: { ...auth, ...versions } })).toBe(405)
    expect(await call('/v1/agents', { method: 'POST', headers: { ...auth, ...versions }, body: '{' })).toBe(400)
    expect(await call('/healthz')).toBe(200)
  })

  worldTest('says with every answer that the model is simulated', async ({ world }) => {
    const response = await fetch(`${world.server.url}/healthz`)
    expect(response.headers.get('x-wheelhouse-model')).toBe('simulated')
  })
})

const versions = { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'managed-agents-2026-04-01' }
