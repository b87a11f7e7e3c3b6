import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { keyIdOf } from '#lib/core/secret-box.ts'
import { encryptionKey, makeAgent, portalUrl, secretBox } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { type Child, startChild } from '#lib/dev/test/child.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { getServerProcesses } from '#lib/registry/queries.ts'
import { installStdioServer, makeStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { everyRow, secretsFound } from './testing/canary-watch.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'
import type { StdioAccess } from './upstream/stdio.ts'

type World = {
  broker: TestBroker
  stdio: StdioAccess
  home: string
  startSandbox: () => Promise<Child>
  sandbox: () => Child
}

const secret = `canary-${randomBytes(8).toString('hex')}`
const confessed = `canary/${randomBytes(9).toString('base64')}"q ~`
const servers = ['modern-program', 'legacy-program', 'divided', 'wild', 'unreviewed'] as const
/** It never offers a tool. */
const broken = 'broken'

/** A broker in this process, the sandbox service as a process of its own. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }): Promise<World> => {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-programs-'))
  for (const id of [...servers, broken]) await installStdioServer(home, id)
  await makeStdioServer(db, { id: broken, args: ['wild.ts', 'crash-at-once'] })
  await makeStdioServer(db, { id: 'modern-program', args: ['steady.ts', 'modern'], env: ['STEADY_TOKEN'] })
  await makeStdioServer(db, { id: 'legacy-program', args: ['steady.ts', 'legacy'] })
  await makeStdioServer(db, { id: 'divided', args: ['steady.ts', 'modern'], boundary: 'team' })
  await makeStdioServer(db, { id: 'wild', args: ['wild.ts'], env: ['WILD_TOKEN'] })
  await makeStdioServer(db, { id: 'unreviewed', args: ['steady.ts', 'modern'], demo: false })
  for (const [serverId, value] of Object.entries({ 'modern-program': secret, wild: confessed })) {
    const ciphertext = await secretBox.seal(value, sealContexts.upstreamCredential(serverId))
    await db.upstreamCredential.create({ data: { serverId, kind: 'bearer', ciphertext, keyId: keyIdOf(ciphertext) } })
  }
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const startSandbox = async (): Promise<Child> =>
    await startChild({
      entry: 'lib/sandbox/main.ts',
      env: {
        DATABASE_URL: databaseUrl,
        WHEELHOUSE_HOME: home,
        WHEELHOUSE_SANDBOX_PORT: String(port),
        WHEELHOUSE_ENVIRONMENT_KEY: 'k'.repeat(32),
        WHEELHOUSE_STDIO_KEY: stdioKey,
        WHEELHOUSE_CLAUDE_PORT: '1',
        WHEELHOUSE_LOG_LEVEL: 'info',
      },
      ready: async () => (await fetch(`${url}/healthz`)).ok,
    })
  let sandbox = await startSandbox()
  const stdio = { url, key: stdioKey }
  const limits = { callDeadlineMs: 10_000, resultBytesMax: 1 << 20, streamFromBytes: 0, circuitOpenMs: 500 }
  const broker = await startBroker({
    db,
    databaseUrl,
    port: await freePort(),
    portalUrl,
    encryptionKey,
    stdio,
    limits,
  })
  onCleanup(async () => {
    await broker.stop()
    await sandbox.stop()
    await rm(home, { recursive: true, force: true })
  })
  await until(async () => (await db.mcpTool.groupBy({ by: ['serverId'] })).length === servers.length, 60_000)
  return {
    broker,
    stdio,
    home,
    sandbox: () => sandbox,
    startSandbox: async () => (sandbox = await startSandbox()),
  }
})

const textOf = (result: { content?: unknown }) => (result.content as { text: string }[])[0]!.text

describe('servers over stdio behind the broker', { timeout: 90_000 }, () => {
  for (const serverId of ['modern-program', 'legacy-program']) {
    for (const era of ['modern', 'legacy'] as const) {
      test(`${serverId} is listed and called by an agent of the ${era} era`, async ({ db, world }) => {
        const agent = await makeAgent(db)
        await makeGrant(db, { agentId: agent.agentId, serverId })
        const client = await agentSession(db, world, { agent, serverId, era })
        expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
        expect(textOf(await client.callTool({ name: 'echo', arguments: { word: 'through' } }))).toBe('through')
        expect(await lastEvent(db, agent.agentId, 'mcp.call_allowed')).toMatchObject({ tool: 'echo', serverId })
        await client.close()
      })
    }
  }

  for (const serverId of ['modern-program', 'legacy-program']) {
    test(`${serverId} has its time again with each word of its progress`, async ({ db, world }) => {
      const agent = await makeAgent(db)
      await makeGrant(db, { agentId: agent.agentId, serverId })
      await db.agent.update({ where: { id: agent.agentId }, data: { callDeadlineSeconds: 4 } })
      const client = await agentSession(db, world, { agent, serverId })
      const call = { name: 'steps', arguments: { count: 20, everyMs: 300 } }
      expect(textOf(await client.callTool(call, { onprogress: () => {} }))).toBe('20 steps')
      await client.close()
    })
  }

  test('its credential becomes its variable, and no agent, row or log sees it', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern-program' })
    const client = await agentSession(db, world, { agent, serverId: 'modern-program' })
    const said = textOf(await client.callTool({ name: 'secret', arguments: {} }))
    expect(said).toBe(`length ${secret.length}: [redacted]`)
    await client.close()
    const written = await db.$queryRaw<{ text: string }[]>`
      select row_to_json(p)::text as "text" from "StdioProcess" p union all select row_to_json(a)::text from "AuditEvent" a`
    expect(written.filter(({ text }) => text.includes(secret))).toEqual([])
    expect(world.sandbox().output()).not.toContain(secret)
    expect(await environmentsWith(secret, world.home)).toEqual([])
  })

  test('a credential that its program says in any form is in no answer, row, view or log', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'wild' })
    const client = await agentSession(db, world, { agent, serverId: 'wild' })
    const forms = ['plain', 'json', 'url', 'base64', 'base64url', 'hex', 'basic']
    const confess = async (what: string, detail = '') =>
      JSON.stringify(await client.callTool({ name: 'do', arguments: { what, detail } }))
    const reader = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const answers: string[] = []
    const views: string[] = []
    for (const form of forms) answers.push(await confess('confess', form))
    for (const answer of answers) expect(answer).toContain('[redacted]')
    // Its last words are kept until it is started again.
    await until(async () => {
      answers.push(await confess('crash-loudly'))
      const view = JSON.stringify(await getServerProcesses(reader, 'wild'))
      views.push(view)
      const isWhole = view.includes('giving up, token [redacted]') && view.split('[redacted]').length > forms.length
      if (!isWhole) for (const form of forms) answers.push(await confess('confess', form))
      return isWhole
    }, 60_000)
    await client.close()
    const places = { answers, rows: await everyRow(db), views, log: [world.sandbox().output()] }
    expect(secretsFound(places, { confessed })).toEqual([])
  })

  test('tools of a server that nobody has reviewed are quarantined, as those of any server', async ({ db }) => {
    const tools = await db.mcpTool.findMany({ where: { serverId: 'unreviewed' } })
    expect(new Set(tools.map(({ state }) => state))).toEqual(new Set(['quarantined']))
  })

  test('agents of two teams have processes of their own where the server asks for it', async ({ db, world }) => {
    const said: string[] = []
    for (const word of ['rosso', 'blu']) {
      const agent = await makeAgent(db)
      await makeGrant(db, { agentId: agent.agentId, serverId: 'divided' })
      const client = await agentSession(db, world, { agent, serverId: 'divided' })
      said.push(textOf(await client.callTool({ name: 'remember', arguments: { word } })))
      await until(async () => (await db.stdioProcess.count({ where: { owner: `team:${agent.teamId}` } })) === 1)
      await client.close()
    }
    expect(said).toEqual(['rosso / rosso', 'blu / blu'])
  })

  test('an answer over the limit, and a process that ends, are refused with their rules', async ({ db, world }) => {
    const agent = await makeAgent(db)
    for (const serverId of ['modern-program', 'wild']) await makeGrant(db, { agentId: agent.agentId, serverId })
    const steady = await agentSession(db, world, { agent, serverId: 'modern-program' })
    const big = await steady.callTool({ name: 'big', arguments: { bytes: 40 << 20 } })
    expect(big._meta?.['wheelhouse/denial']).toMatchObject({ rule: 'result_too_large' })
    const wild = await agentSession(db, world, { agent, serverId: 'wild' })
    // In the middle of a stream, where no header says it any more.
    const told = { name: 'do', arguments: { what: 'tell-and-crash' } }
    const crash = await wild.callTool(told, { onprogress: () => {} })
    expect(crash._meta?.['wheelhouse/denial']).toMatchObject({ rule: 'upstream_unavailable' })
    expect(JSON.stringify(crash.content)).toContain('it ended with exit code 3')
    await until(async () => !(await wild.callTool({ name: 'do', arguments: { what: 'behave' } })).isError)
    await steady.close()
    await wild.close()
  })

  test('an error of a program that claims to be the platform’s is guarded as any, and nobody else hears of it', async ({
    db,
    world,
  }) => {
    const token = ['gh', 'p_', randomBytes(20).toString('hex')].join('')
    const agents = [await makeAgent(db), await makeAgent(db)]
    for (const { agentId } of agents) await makeGrant(db, { agentId, serverId: 'wild' })
    const [client, other] = await Promise.all(
      agents.map((agent) => agentSession(db, world, { agent, serverId: 'wild' })),
    )
    const claim = async (rule: string) => {
      const said = { what: 'impersonate', detail: `${rule} the token is ${token}` }
      return String(await client!.callTool({ name: 'do', arguments: said }).catch((error: unknown) => error))
    }
    // More often than it takes to open a circuit.
    for (const rule of ['result_too_large', ...Array<string>(6).fill('process_unavailable')])
      expect(await claim(rule)).toContain('the token is [masked: github_token]')
    expect(textOf(await other!.callTool({ name: 'do', arguments: { what: 'behave' } }))).toBe('fine')
    expect(await lastEvent(db, agents[0]!.agentId)).toMatchObject({ detail: { masked: { github_token: 1 } } })
    expect(secretsFound({ rows: await everyRow(db) }, { token })).toEqual([])
    await Promise.all([client!.close(), other!.close()])
  })

  test('a result that is too large to hold comes through a broker that may pass it on', async ({
    db,
    databaseUrl,
    world,
  }) => {
    const { stdio } = world
    const port = await freePort()
    const passing = await startBroker({ db, databaseUrl, port, portalUrl, encryptionKey, stdio })
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'divided' })
    const client = await agentSession(db, { broker: passing }, { agent, serverId: 'divided' })
    const get = async (bytes: number) =>
      expect(textOf(await client.callTool({ name: 'big', arguments: { bytes } })).length).toBe(bytes)
    await get(36 << 20)
    const before = await peakBytes(world.sandbox().pid)
    await get(64 << 20)
    expect((await peakBytes(world.sandbox().pid)) - before).toBeLessThan(32 << 20)
    const row = await db.auditEvent.findFirst({ where: { agentId: agent.agentId, event: 'mcp.result_passed' } })
    expect(row?.detail).toMatchObject({ outcome: 'ok' })
    await client.close()
    await passing.stop()
  })

  test('one that cannot be started is left alone, with the reason and its last words', async ({ db }) => {
    const timeout = 60_000
    // Now and then it is tried again: what is true between two tries is read at once.
    const looping = { serverId: broken, state: 'crash_loop' as const }
    await expect
      .poll(() => db.stdioProcess.findFirst({ where: looping }), { timeout })
      .toMatchObject({ stderr: ['cannot start, token undefined'], restarts: expect.toSatisfy((times) => times >= 5) })
    // Its circuit is opened by the first failures, and what the last try said comes to be its reason.
    await expect
      .poll(() => db.serverHealth.findFirst({ where: { serverId: broken, state: 'open' } }), { timeout })
      .toMatchObject({ lastError: 'its process fails again and again (it ended with exit code 7)' })
  })

  test('kill -9 of the sandbox service leaves no process, and the next one serves again', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'wild' })
    const client = await agentSession(db, world, { agent, serverId: 'wild' })
    await client.callTool({ name: 'do', arguments: { what: 'stubborn' } })
    expect((await programs(world.home)).length).toBeGreaterThan(0)
    await world.sandbox().kill()
    await until(async () => (await programs(world.home)).length === 0, 5000)
    expect((await client.callTool({ name: 'do', arguments: { what: 'behave' } })).isError).toBe(true)
    await world.startSandbox()
    const works = async () => !(await client.callTool({ name: 'do', arguments: { what: 'behave' } })).isError
    await until(works, 30_000)
    await client.close()
  })
})

/** Host processes of the servers of an installation: those that see its programs. */
async function programs(home: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '')
      const isInside = mounts.includes(' /opt/server ') && mounts.includes(home)
      return isInside ? [pid] : []
    }),
  )
  return found.flat()
}

/** Processes outside of sandboxes that have a text in their environment or their arguments. */
async function environmentsWith(text: string, home: string): Promise<string[]> {
  const inside = new Set(await programs(home))
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && !inside.has(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const files = ['environ', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => ''))
      return (await Promise.all(files)).some((content) => content.includes(text)) ? [pid] : []
    }),
  )
  return found.flat()
}

/** The most memory a process has had at once. */
async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024
}
