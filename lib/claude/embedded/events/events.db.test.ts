import type { Anthropic } from '@anthropic-ai/sdk'
import { describe, expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { worldFixture } from '../testing/fixtures.ts'
import { bash, eventsOf, idleFor, only, say, startSession, turns, until } from '../testing/world.ts'

const worldTest = dbTest.extend('world', { scope: 'file' }, worldFixture)

type StreamEvent = Anthropic.Beta.Sessions.BetaManagedAgentsStreamSessionEvents

describe('the history', () => {
  worldTest('pages in both orders without a gap and without a repetition', async ({ world }) => {
    const { client } = world
    const session = await startSession(client)
    for (const [turn, text] of ['one', 'two', 'three'].entries()) {
      await say(client, session.id, text)
      await until(client, session.id, (events) => only(events, 'session.usage').length === turn + 1)
    }
    const whole = (await eventsOf(client, session.id)).map((event) => event.id)
    const paged = async (order: 'asc' | 'desc') => {
      const ids: string[] = []
      const pages = client.beta.sessions.events.list(session.id, { order, limit: 4 })
      for await (const event of pages) ids.push(event.id)
      return ids
    }
    expect(whole.length).toBeGreaterThan(12)
    expect(await paged('asc')).toEqual(whole)
    expect(await paged('desc')).toEqual(whole.toReversed())
  })

  worldTest('filters by type and by time', async ({ world }) => {
    const { client } = world
    const session = await startSession(client)
    await say(client, session.id, 'one')
    const events = await until(client, session.id, idleFor('end_turn'))
    const types = ['agent.message', 'user.message'] as const
    const found = await client.beta.sessions.events.list(session.id, { types: [...types] })
    expect(found.data.map((event) => event.type)).toEqual(['user.message', 'agent.message'])
    const at = events.at(-1)?.processed_at ?? ''
    const none = await client.beta.sessions.events.list(session.id, { 'created_at[gt]': at })
    expect(none.data).toEqual([])
  })
})

describe('the stream', () => {
  worldTest(
    'carries what happens from then on, previews only where they were asked for, and ends with the session',
    async ({ world }) => {
      const { client } = world
      world.script.current = () => ({ text: 'A rather long answer, '.repeat(20) })
      const session = await startSession(client)
      const plain = await client.beta.sessions.events.stream(session.id)
      const previewed = await client.beta.sessions.events.stream(session.id, { event_deltas: ['agent.message'] })
      const both = Promise.all([collect(plain), collect(previewed)])
      await say(client, session.id, 'Hello')
      const history = await until(client, session.id, idleFor('end_turn'))
      await client.beta.sessions.archive(session.id)
      const [without, withDeltas] = await both

      const [queued, processed] = without.filter((event) => event.type === 'user.message')
      expect(queued?.processed_at).toBeNull()
      expect(processed?.id).toBe(queued?.id)
      expect(without.some((event) => event.type === 'event_start' || event.type === 'event_delta')).toBe(false)
      expect(without.at(-1)?.type).toBe('session.status_terminated')

      const message = only(history, 'agent.message')[0]
      const starts = withDeltas.filter((event) => event.type === 'event_start')
      expect(starts.map((event) => event.event)).toEqual([{ type: 'agent.message', id: message?.id }])
      const text = withDeltas
        .flatMap((event) =>
          event.type === 'event_delta' && event.event_id === message?.id ? [event.delta.content.text] : [],
        )
        .join('')
      expect(message?.content).toEqual([{ type: 'text', text }])
    },
  )

  worldTest('of a session that has ended is its end', async ({ world }) => {
    const { client } = world
    const session = await startSession(client)
    await client.beta.sessions.archive(session.id)
    const events = await collect(await client.beta.sessions.events.stream(session.id))
    expect(events.map((event) => event.type)).toEqual(['session.status_terminated'])
  })

  worldTest('refuses previews that do not exist', async ({ world }) => {
    const session = await startSession(world.client)
    const event_deltas = ['agent.tool_use' as 'agent.message']
    await expect(world.client.beta.sessions.events.stream(session.id, { event_deltas })).rejects.toMatchObject({
      status: 400,
    })
  })
})

describe('a session', () => {
  worldTest('takes its first message with its creation', async ({ world }) => {
    const { client } = world
    const agent = await client.beta.agents.create({ name: 'I', model: 'claude-sonnet-5-5' })
    const session = await client.beta.sessions.create({
      agent: agent.id,
      environment_id: 'env_wheelhouse',
      metadata: { run: '7' },
      title: 'Seventh',
      initial_events: [{ type: 'user.message', content: [{ type: 'text', text: 'go' }] }],
    })
    expect(session).toMatchObject({ title: 'Seventh', metadata: { run: '7' }, agent: { id: agent.id, version: 1 } })
    await until(client, session.id, idleFor('end_turn'))
  })

  worldTest('keeps the version it was made on when the agent moves on', async ({ world }) => {
    const { client } = world
    let system = ''
    world.script.current = (conversation) => {
      system = conversation.system
      return { text: 'ok' }
    }
    const agent = await client.beta.agents.create({ name: 'J', model: 'claude-sonnet-5-5', system: 'old' })
    const session = await client.beta.sessions.create({
      agent: { type: 'agent', id: agent.id, version: 1 },
      environment_id: 'env_wheelhouse',
    })
    await client.beta.agents.update(agent.id, { system: 'new' })
    await say(client, session.id, 'go')
    await until(client, session.id, idleFor('end_turn'))
    expect(system).toBe('old')
    const overrides = client.beta.sessions.create({
      agent: { type: 'agent_with_overrides', id: agent.id, system: 'mine' },
      environment_id: 'env_wheelhouse',
    })
    await expect(overrides).rejects.toMatchObject({ status: 400 })
  })

  worldTest('accepts nothing once it is archived, and lists as such', async ({ world }) => {
    const { client } = world
    world.script.current = turns({ toolCalls: [{ name: 'bash', input: { command: 'x' } }] })
    const session = await startSession(client, { agent: { tools: [bash] } })
    await say(client, session.id, 'go')
    await until(client, session.id, idleFor('requires_action'))
    const archived = await client.beta.sessions.archive(session.id)
    expect(archived).toMatchObject({ status: 'terminated' })
    expect(archived.archived_at).not.toBeNull()
    await expect(say(client, session.id, 'more')).rejects.toMatchObject({ status: 400 })
    const listed = async (query: Anthropic.Beta.SessionListParams) =>
      (await client.beta.sessions.list({ agent_id: session.agent.id, ...query })).data.map(({ id }) => id)
    expect(await listed({})).toEqual([])
    expect(await listed({ include_archived: true, statuses: ['terminated'] })).toEqual([session.id])
    expect(await listed({ include_archived: true, statuses: ['idle', 'running'] })).toEqual([])
  })

  worldTest('is gone with its events when it is deleted', async ({ world, db }) => {
    const { client } = world
    const session = await startSession(client)
    const stream = collect(await client.beta.sessions.events.stream(session.id))
    expect(await client.beta.sessions.delete(session.id)).toEqual({ id: session.id, type: 'session_deleted' })
    expect((await stream).map((event) => event.type)).toEqual(['session.deleted'])
    await expect(client.beta.sessions.retrieve(session.id)).rejects.toMatchObject({ status: 404 })
    expect(await db.embEvent.count({ where: { sessionId: session.id } })).toBe(0)
  })

  worldTest('lists pages forward and back', async ({ world }) => {
    const { client } = world
    const agent = await client.beta.agents.create({ name: 'K', model: 'claude-sonnet-5-5' })
    const made: string[] = []
    for (let n = 0; n < 5; n += 1) {
      const { id } = await client.beta.sessions.create({ agent: agent.id, environment_id: 'env_wheelhouse' })
      made.unshift(id)
    }
    const page = async (cursor: string | null) =>
      await client.beta.sessions.list({ agent_id: agent.id, limit: 2, ...(cursor ? { page: cursor } : {}) })
    const first = await page(null)
    const second = await page(first.next_page)
    const third = await page(second.next_page)
    expect([...first.data, ...second.data, ...third.data].map(({ id }) => id)).toEqual(made)
    expect([first.prev_page, third.next_page]).toEqual([null, null])
    const back = await page(third.prev_page)
    expect(back.data.map(({ id }) => id)).toEqual(second.data.map(({ id }) => id))
  })
})

async function collect(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

worldTest('characters that PostgreSQL refuses do not hold up a session: they are replaced', async ({ world }) => {
  const { client } = world
  world.script.current = () => ({ text: 'a\0b\uD83D' })
  const session = await startSession(client)
  await say(client, session.id, 'one\0')
  const events = await until(client, session.id, idleFor('end_turn'))
  expect(only(events, 'user.message')).toMatchObject([{ content: [{ text: 'one\uFFFD' }] }])
  expect(only(events, 'agent.message')).toMatchObject([{ content: [{ text: 'a\uFFFDb\uFFFD' }] }])
})
