import { describe, expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { worldFixture } from '../testing/fixtures.ts'
import {
  bash,
  clientFor,
  eventsOf,
  idleFor,
  keys,
  lastResults,
  only,
  say,
  startSession,
  type Tool,
  turns,
  until,
  type World,
} from '../testing/world.ts'

const worldTest = dbTest.extend('world', { scope: 'file' }, worldFixture)

const environment_id = 'env_wheelhouse'

worldTest.afterEach(async ({ world }) => await drain(world))

describe('the SDK worker', () => {
  worldTest(
    'serves a session: it gets the calls, its results reach the model, it stops its item',
    async ({ world }) => {
      const { client } = world
      let seen: [string, boolean][] = []
      const call = (command: string) => ({ name: 'bash', input: { command } })
      world.script.current = turns(
        { text: 'Two commands.', toolCalls: [call('one'), call('fail')] },
        (conversation) => {
          seen = lastResults(conversation)
          return { text: 'Both done.' }
        },
      )
      const session = await startSession(client, { agent: { tools: [bash] } })
      await say(client, session.id, 'go')
      await until(client, session.id, idleFor('requires_action'))
      await using _worker = runWorker(world)
      const events = await until(client, session.id, idleFor('end_turn'))
      expect(seen).toEqual([
        ['ran one', false],
        ['Error: broken', true],
      ])
      const waiting = only(events, 'session.status_idle')[0]
      expect(waiting?.stop_reason).toEqual({
        type: 'requires_action',
        event_ids: only(events, 'agent.tool_use').map((event) => event.id),
      })
      expect(only(events, 'user.tool_result')).toHaveLength(2)
    },
  )

  worldTest('a call that asks is only run after a person allowed it', async ({ world }) => {
    const { client } = world
    world.script.current = turns({ toolCalls: [{ name: 'bash', input: { command: 'rm' } }] })
    const asking: Tool = {
      type: 'agent_toolset_20260401',
      default_config: { enabled: true, permission_policy: { type: 'always_ask' } },
    }
    const session = await startSession(client, { agent: { tools: [asking] } })
    const ran: string[] = []
    await using _worker = runWorker(world, (command) => ran.push(command))
    await say(client, session.id, 'go')
    const waiting = await until(client, session.id, idleFor('requires_action'))
    const [use] = only(waiting, 'agent.tool_use')
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(ran).toEqual([])
    await client.beta.sessions.events.send(session.id, {
      events: [{ type: 'user.tool_confirmation', tool_use_id: use?.id ?? '', result: 'allow' }],
    })
    await until(client, session.id, idleFor('end_turn'))
    expect(ran).toEqual(['rm'])
  })
})

describe('the queue', () => {
  worldTest('hands an item to one of two workers that poll at once, then counts it as pending', async ({ world }) => {
    const { client } = world
    const session = await startSession(client, { agent: { tools: [bash] } })
    const worker = workerClient(world)
    const polled = await Promise.all([
      worker.beta.environments.work.poll(environment_id, { 'Anthropic-Worker-ID': 'one' }),
      worker.beta.environments.work.poll(environment_id, { 'Anthropic-Worker-ID': 'two' }),
    ])
    const item = polled.find((found) => found !== null)
    expect(polled.filter((found) => found === null)).toHaveLength(1)
    expect(item).toMatchObject({ data: { type: 'session', id: session.id }, state: 'queued' })
    const stats = await client.beta.environments.work.stats(environment_id)
    expect(stats).toMatchObject({ depth: 0, pending: 1 })
    expect(stats.workers_polling).toBeGreaterThanOrEqual(2)
    const acked = await worker.beta.environments.work.ack(item?.id ?? '', { environment_id })
    expect(acked).toMatchObject({ state: 'starting', secret: null })
    await expect(worker.beta.environments.work.ack(item?.id ?? '', { environment_id })).rejects.toMatchObject({
      status: 409,
    })
  })

  worldTest('blocks a poll until an item comes', async ({ world }) => {
    const worker = workerClient(world)
    const waiting = worker.beta.environments.work.poll(environment_id, { block_ms: 999 })
    await new Promise((resolve) => setTimeout(resolve, 150))
    const session = await startSession(world.client, { agent: { tools: [bash] } })
    expect((await waiting)?.data.id).toBe(session.id)
  })

  worldTest('an agent without sandbox tools needs no worker', async ({ world }) => {
    await startSession(world.client)
    expect(await workerClient(world).beta.environments.work.poll(environment_id)).toBeNull()
  })

  worldTest(
    'after a lost lease another worker gets the item, and the first learns it from its heartbeat',
    async ({ world, db }) => {
      const { client } = world
      const session = await startSession(client, { agent: { tools: [bash] } })
      const worker = workerClient(world)
      const first = await claim(world)
      const beat = await worker.beta.environments.work.heartbeat(first.id, {
        environment_id,
        expected_last_heartbeat: 'NO_HEARTBEAT',
        desired_ttl_seconds: 10,
      })
      expect(beat).toMatchObject({ state: 'active', lease_extended: true, ttl_seconds: 10 })
      const silent = new Date(Date.now() - 11_000)
      await db.embWork.update({ where: { id: first.id }, data: { latestHeartbeatAt: silent } })

      const second = await claim(world)
      expect(second).toMatchObject({ id: first.id, data: { id: session.id } })
      const late = clientFor(world.server.url, tokenOf(first.secret))
      const refused = late.beta.environments.work.heartbeat(first.id, {
        environment_id,
        expected_last_heartbeat: silent.toISOString(),
      })
      await expect(refused).rejects.toMatchObject({
        status: 412,
        errorCode: 'heartbeat_precondition_failed',
        error: { error: { details: { current_state: { lease_extended: false } } } },
      })
      await expect(late.beta.environments.work.stop(first.id, { environment_id })).rejects.toMatchObject({
        status: 403,
      })
    },
  )

  worldTest('a worker that gives up while results are awaited leaves them to the next one', async ({ world }) => {
    const { client } = world
    world.script.current = turns({ toolCalls: [{ name: 'bash', input: { command: 'x' } }] })
    const session = await startSession(client, { agent: { tools: [bash] } })
    await say(client, session.id, 'go')
    await until(client, session.id, idleFor('requires_action'))
    const first = await claim(world)
    await workerClient(world).beta.environments.work.stop(first.id, { environment_id, force: true })
    const second = await claim(world)
    expect(second.id).not.toBe(first.id)
    expect(second.data.id).toBe(session.id)
    await client.beta.environments.work.stop(second.id, { environment_id, force: true })
    expect(await workerClient(world).beta.environments.work.poll(environment_id, { block_ms: 300 })).toBeNull()
    await client.beta.sessions.archive(session.id)
  })

  worldTest('a graceful stop is told to the worker by its next heartbeat', async ({ world }) => {
    await startSession(world.client, { agent: { tools: [bash] } })
    const item = await claim(world)
    await world.client.beta.environments.work.stop(item.id, { environment_id })
    const beat = await workerClient(world).beta.environments.work.heartbeat(item.id, { environment_id })
    expect(beat.state).toBe('stopping')
  })

  worldTest('a call no worker answers in time is answered for it', async ({ world, db }) => {
    const { client } = world
    let seen: [string, boolean][] = []
    world.script.current = turns({ toolCalls: [{ name: 'bash', input: { command: 'x' } }] }, (conversation) => {
      seen = lastResults(conversation)
      return { text: 'No sandbox.' }
    })
    const session = await startSession(client, { agent: { tools: [bash] } })
    await say(client, session.id, 'go')
    await until(client, session.id, idleFor('requires_action'))
    await db.embSession.update({ where: { id: session.id }, data: { actionDeadline: new Date(Date.now() - 1) } })
    await until(client, session.id, idleFor('end_turn'))
    expect(seen).toEqual([['No sandbox answered this call within 15 minutes.', true]])
  })
})

describe('a work item token', () => {
  worldTest('reaches its own session and item only, and only to answer tool calls', async ({ world }) => {
    const { client } = world
    world.script.current = turns({ toolCalls: [{ name: 'bash', input: { command: 'x' } }] })
    const session = await startSession(client, { agent: { tools: [bash] } })
    const item = await claim(world)
    const own = clientFor(world.server.url, tokenOf(item.secret))
    expect((await own.beta.sessions.retrieve(session.id)).id).toBe(session.id)
    const other = await startSession(client, { agent: { tools: [bash] } })
    await expect(own.beta.sessions.retrieve(other.id)).rejects.toMatchObject({ status: 403 })
    await expect(say(own, session.id, 'do as I say')).rejects.toMatchObject({ status: 403 })
    await expect(own.beta.sessions.list()).rejects.toMatchObject({ status: 403 })
    await expect(own.beta.agents.list()).rejects.toMatchObject({ status: 403 })
    await expect(own.beta.vaults.list()).rejects.toMatchObject({ status: 403 })

    await say(client, session.id, 'go')
    const waiting = await until(client, session.id, idleFor('requires_action'))
    const tool_use_id = only(waiting, 'agent.tool_use')[0]?.id ?? ''
    await own.beta.sessions.events.send(session.id, { events: [{ type: 'user.tool_result', tool_use_id }] })
    await until(client, session.id, idleFor('end_turn'))
    await own.beta.environments.work.stop(item.id, { environment_id, force: true })
    await expect(own.beta.sessions.retrieve(session.id)).rejects.toMatchObject({ status: 401 })
  })

  worldTest('an API key is no worker, and the environment key is no platform', async ({ world }) => {
    const worker = workerClient(world)
    await expect(world.client.beta.environments.work.poll(environment_id)).rejects.toMatchObject({ status: 403 })
    await expect(worker.beta.environments.work.stats(environment_id)).rejects.toMatchObject({ status: 403 })
    await expect(worker.beta.agents.list()).rejects.toMatchObject({ status: 403 })
    const session = await startSession(world.client)
    await expect(worker.beta.sessions.retrieve(session.id)).rejects.toMatchObject({ status: 403 })
    await expect(eventsOf(worker, session.id)).rejects.toMatchObject({ status: 403 })
  })
})

/** The SDK's own environment worker with one trivial tool. */
function runWorker(world: World, onRun: (command: string) => void = () => {}): AsyncDisposable {
  const stop = new AbortController()
  const tool = betaTool({
    name: 'bash',
    description: 'Pretends to run a command',
    inputSchema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] } as const,
    run: async ({ command }) => {
      if (command === 'fail') throw new Error('broken')
      onRun(command)
      return `ran ${command}`
    },
  })
  const running = clientFor(world.server.url)
    .beta.environments.work.worker({
      environmentId: environment_id,
      environmentKey: keys.environmentKey,
      tools: [tool],
      maxIdleMs: 200,
      memorySyncIntervalMs: null,
    })
    .run(stop.signal)
    .catch(() => {})
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

function workerClient(world: World) {
  return clientFor(world.server.url, keys.environmentKey)
}

async function claim(world: World) {
  const worker = workerClient(world)
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const item = await worker.beta.environments.work.poll(environment_id, { block_ms: 999 })
    if (!item) continue
    await worker.beta.environments.work.ack(item.id, { environment_id })
    return item
  }
  throw new Error('no item came')
}

function tokenOf(secret: string | null): string {
  const payload = JSON.parse(Buffer.from(secret ?? '', 'base64url').toString('utf8')) as { sessions_token: string }
  return payload.sessions_token
}

/** Leaves nothing for the next test. */
async function drain(world: World): Promise<void> {
  for await (const session of world.client.beta.sessions.list()) await world.client.beta.sessions.archive(session.id)
  const worker = workerClient(world)
  for await (const item of worker.beta.environments.work.list(environment_id)) {
    // A worker may be stopping it at this moment.
    await worker.beta.environments.work.stop(item.id, { environment_id, force: true }).catch(() => {})
  }
}
