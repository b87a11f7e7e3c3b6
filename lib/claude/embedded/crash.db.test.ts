import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { createModelServer } from './model/server.ts'
import { startTestMcpServer } from './testing/mcp-server.ts'
import {
  clientFor,
  eventsOf,
  idleFor,
  keys,
  lastResults,
  listen,
  log,
  only,
  say,
  startSession,
  turns,
  until,
} from './testing/world.ts'

dbTest(
  'after a crash in the middle of calls the session goes on, and nothing is emitted or written twice',
  { timeout: 60_000 },
  async ({ databaseUrl }) => {
    const mcp = await startTestMcpServer('token')
    let seen: [string, boolean][] = []
    const script = turns(
      {
        text: 'Working.',
        toolCalls: [
          { name: 'ledger__add_row', input: { name: 'once' } },
          { name: 'ledger__hold', input: {} },
        ],
      },
      (conversation) => {
        seen = lastResults(conversation)
        return { text: 'Recovered.' }
      },
    )
    const model = createModelServer({ scriptOf: () => ({ next: script }), log, latencyMs: 0 })
    const modelPort = Number(new URL(await listen(model)).port)
    const port = await freePort()
    const start = async () => await startProcess({ databaseUrl, port, modelPort })

    const first = await start()
    const client = clientFor(`http://127.0.0.1:${port}`)
    const vault = await client.beta.vaults.create({ display_name: 'v' })
    await client.beta.vaults.credentials.create(vault.id, {
      auth: { type: 'static_bearer', mcp_server_url: mcp.url, token: 'token' },
    })
    const session = await startSession(client, {
      vaultIds: [vault.id],
      agent: {
        mcp_servers: [{ type: 'url', name: 'ledger', url: mcp.url }],
        tools: [
          {
            type: 'mcp_toolset',
            mcp_server_name: 'ledger',
            default_config: { permission_policy: { type: 'always_allow' } },
          },
        ],
      },
    })
    await say(client, session.id, 'go')
    await until(
      client,
      session.id,
      (events) => only(events, 'agent.mcp_tool_result').length === 1 && mcp.calls.length === 2,
    )
    const before = await eventsOf(client, session.id)
    await kill(first, 'SIGKILL')

    const second = await start()
    const after = await until(client, session.id, idleFor('end_turn'))
    expect(after.slice(0, before.length).map((event) => event.id)).toEqual(before.map((event) => event.id))
    expect(only(after, 'agent.mcp_tool_use')).toHaveLength(2)
    expect(only(after, 'agent.message').map((event) => event.content)).toEqual([
      [{ type: 'text', text: 'Working.' }],
      [{ type: 'text', text: 'Recovered.' }],
    ])
    expect(mcp.calls.map((call) => call.tool).toSorted()).toEqual(['add_row', 'hold'])
    expect(seen[0]).toEqual(['added once', false])
    expect(seen[1]?.[0]).toMatch(/not known whether the call took effect/)

    await kill(second, 'SIGTERM')
    expect(second.exitCode).toBe(0)
    await mcp.stop()
    model.closeAllConnections()
    model.close()
  },
)

dbTest(
  'a second process waits until the first is gone, then takes over',
  { timeout: 60_000 },
  async ({ databaseUrl }) => {
    const [one, two] = [await freePort(), await freePort()]
    const first = await startProcess({ databaseUrl, port: one, modelPort: 1 })
    const second = spawnProcess({ databaseUrl, port: two, modelPort: 1 })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await answers(two)).toBe(false)
    await kill(first, 'SIGKILL')
    await ready(two, second)
    await kill(second, 'SIGTERM')
    expect(second.exitCode).toBe(0)
  },
)

dbTest(
  'asked to stop while it still takes up sessions, it ends in good order',
  { timeout: 60_000 },
  async ({ db, databaseUrl }) => {
    const port = await freePort()
    // Its first read of the sessions waits for this lock.
    const child = await db.$transaction(
      async (tx) => {
        await tx.$executeRaw`lock table "EmbSession" in access exclusive mode`
        const started = await startProcess({ databaseUrl, port, modelPort: 1 })
        started.kill('SIGTERM')
        await new Promise((resolve) => setTimeout(resolve, 500))
        expect(started.exitCode).toBeNull()
        return started
      },
      { timeout: 30_000 },
    )
    await ended(child)
    expect(child.exitCode).toBe(0)
  },
)

type Options = { databaseUrl: string; port: number; modelPort: number }

function spawnProcess({ databaseUrl, port, modelPort }: Options): ChildProcess {
  const env = {
    NODE_ENV: process.env.NODE_ENV,
    PATH: process.env.PATH,
    DATABASE_URL: databaseUrl,
    WHEELHOUSE_CLAUDE_PORT: String(port),
    WHEELHOUSE_MODEL_PORT: String(modelPort),
    WHEELHOUSE_CLAUDE_KEY: keys.apiKey,
    WHEELHOUSE_ENVIRONMENT_KEY: keys.environmentKey,
    WHEELHOUSE_ENCRYPTION_KEY: keys.encryptionKey,
    WHEELHOUSE_LOG_LEVEL: 'warn',
  }
  return spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function startProcess(options: Options): Promise<ChildProcess> {
  const child = spawnProcess(options)
  await ready(options.port, child)
  return child
}

async function ready(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await answers(port)) return
    if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the process did not become ready')
}

async function answers(port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/healthz`).then(
    (response) => response.ok,
    () => false,
  )
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null) return
  child.kill(signal)
  await ended(child)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve))
}
