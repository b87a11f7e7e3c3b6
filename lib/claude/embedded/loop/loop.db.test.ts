import { describe, expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { withLedger } from '../testing/mcp-server.ts'
import { mcpFixture, worldFixture } from '../testing/fixtures.ts'
import {
  bash,
  eventsOf,
  idleFor,
  lastResults,
  only,
  say,
  startSession,
  type Tool,
  turns,
  until,
} from '../testing/world.ts'

const worldTest = dbTest.extend('world', { scope: 'file' }, worldFixture).extend('mcp', { scope: 'file' }, mcpFixture)

describe('a turn', () => {
  worldTest('runs from the message to the answer, with the usage of its model request', async ({ world }) => {
    const { client } = world
    world.script.current = () => ({ text: 'Hello yourself.' })
    const session = await startSession(client)
    await say(client, session.id, 'Hello')
    const events = await until(client, session.id, idleFor('end_turn'))
    expect(events.map((event) => event.type)).toEqual([
      'session.status_running',
      'user.message',
      'span.model_request_start',
      'agent.message',
      'span.model_request_end',
      'session.usage',
      'session.status_idle',
    ])
    const [end] = only(events, 'span.model_request_end')
    expect(end).toMatchObject({ is_error: false, model_request_start_id: events[2]?.id })
    expect(end?.model_usage.input_tokens).toBeGreaterThan(0)
    const after = await client.beta.sessions.retrieve(session.id)
    expect(after).toMatchObject({
      status: 'idle',
      usage: { input_tokens: end?.model_usage.input_tokens, output_tokens: end?.model_usage.output_tokens },
    })
  })

  worldTest('answers messages that came meanwhile together', async ({ world }) => {
    const { client } = world
    world.script.current = ({ messages }) => ({ text: `heard ${JSON.stringify(messages.at(-1)?.content)}` })
    const session = await startSession(client)
    const text = (value: string) => ({
      type: 'user.message' as const,
      content: [{ type: 'text' as const, text: value }],
    })
    await client.beta.sessions.events.send(session.id, { events: [text('one'), text('two')] })
    const events = await until(client, session.id, idleFor('end_turn'))
    const said = only(events, 'agent.message').map((event) => JSON.stringify(event.content))
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(/one.*two/)
  })
})

describe('calls somebody else answers', () => {
  worldTest('a custom tool waits idle until its result comes, for all of several calls', async ({ world }) => {
    const { client } = world
    let seen: [string, boolean][] = []
    const call = (title: string) => ({ name: 'escalate', input: { title } })
    world.script.current = turns({ toolCalls: [call('a'), call('b')] }, (conversation) => {
      seen = lastResults(conversation)
      return { text: 'Escalated.' }
    })
    const session = await startSession(client, { agent: { tools: [escalate] } })
    await say(client, session.id, 'go')
    const waiting = await until(client, session.id, idleFor('requires_action'))
    const ids = only(waiting, 'agent.custom_tool_use').map((event) => event.id)
    expect(only(waiting, 'session.status_idle').at(-1)?.stop_reason).toEqual({
      type: 'requires_action',
      event_ids: ids,
    })

    const answer = async (id: string | undefined, text: string) =>
      await client.beta.sessions.events.send(session.id, {
        events: [{ type: 'user.custom_tool_result', custom_tool_use_id: id ?? '', content: [{ type: 'text', text }] }],
      })
    await answer(ids[0], 'noted a')
    const partly = await eventsOf(client, session.id)
    expect(only(partly, 'session.status_idle').at(-1)?.stop_reason).toEqual({
      type: 'requires_action',
      event_ids: [ids[1]],
    })
    await answer(ids[1], 'noted b')
    await until(client, session.id, idleFor('end_turn'))
    expect(seen).toEqual([
      ['noted a', false],
      ['noted b', false],
    ])
    await expect(answer(ids[1], 'twice')).rejects.toMatchObject({ status: 400 })
  })

  worldTest('a tool that is not offered is refused at once and the model is told', async ({ world }) => {
    const { client } = world
    let seen: [string, boolean][] = []
    world.script.current = turns({ toolCalls: [{ name: 'rm_rf', input: {} }] }, (conversation) => {
      seen = lastResults(conversation)
      return { text: 'Right.' }
    })
    const session = await startSession(client, { agent: { tools: [bash] } })
    await say(client, session.id, 'go')
    const events = await until(client, session.id, idleFor('end_turn'))
    expect(seen).toEqual([['The tool rm_rf is not available in this session.', true]])
    expect(only(events, 'agent.tool_use')[0]).toMatchObject({ name: 'rm_rf', evaluated_permission: 'deny' })
  })
})

describe('an interrupt', () => {
  worldTest('aborts an MCP call in flight and ends the turn; the session can go on', async ({ world, mcp }) => {
    const { client } = world
    world.script.current = turns({ toolCalls: [{ name: 'ledger__hold', input: {} }] }, { text: 'Going on.' })
    const session = await startSession(client, await withLedger(world, mcp))
    await say(client, session.id, 'go')
    await until(client, session.id, () => mcp.calls.at(-1)?.tool === 'hold')
    await client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
    // The server answers only after it.
    const events = await until(client, session.id, idleFor('end_turn'))
    expect(only(events, 'agent.mcp_tool_result')[0]).toMatchObject({ is_error: true })
    mcp.release()
    await say(client, session.id, 'and now?')
    const after = await until(client, session.id, (all) => only(all, 'session.usage').length === 2)
    expect(only(after, 'user.interrupt')).toHaveLength(1)
  })

  worldTest('resolves what the session waited for, and does nothing on an idle session', async ({ world }) => {
    const { client } = world
    world.script.current = turns({ toolCalls: [{ name: 'escalate', input: { title: 'x' } }] })
    const session = await startSession(client, { agent: { tools: [escalate] } })
    await say(client, session.id, 'go')
    await until(client, session.id, idleFor('requires_action'))
    const interrupt = { events: [{ type: 'user.interrupt' as const }] }
    await client.beta.sessions.events.send(session.id, interrupt)
    const stopped = await until(client, session.id, idleFor('end_turn'))
    expect(only(stopped, 'user.custom_tool_result')[0]).toMatchObject({ is_error: true })
    await client.beta.sessions.events.send(session.id, interrupt)
    const again = await until(
      client,
      session.id,
      (events) => only(events, 'user.interrupt').at(-1)?.processed_at != null,
    )
    expect(only(again, 'session.status_idle')).toHaveLength(only(stopped, 'session.status_idle').length)
  })
})

describe('a budget', () => {
  worldTest('pauses before the next model request, and goes on once it is raised', async ({ world }) => {
    const { client } = world
    const long = 'word '.repeat(4_000)
    world.script.current = turns({ text: long }, { text: 'second' })
    const session = await startSession(client, { agent: { model: 'claude-fable-5-2' }, budgetCents: '1' })
    await say(client, session.id, 'go')
    await until(client, session.id, idleFor('end_turn'))
    await say(client, session.id, 'more')
    const paused = await until(client, session.id, idleFor('budget_reached'))
    expect(paused.slice(-3).map((event) => event.type)).toEqual([
      'session.thread_status_idle',
      'session.usage',
      'session.status_idle',
    ])
    await expect(say(client, session.id, 'and more')).rejects.toMatchObject({ status: 400 })
    const raise = async (amount: string) =>
      await client.beta.sessions.update(session.id, {
        budget: { type: 'limit', max_list_cost: { amount, currency: 'USD' } },
      })
    await expect(raise('2')).rejects.toMatchObject({ status: 400, errorCode: 'budget_not_raised' })
    await raise('10000')
    const events = await until(client, session.id, idleFor('end_turn'))
    expect(only(events, 'agent.message')).toHaveLength(2)
  })

  worldTest('is refused for a model whose price is not known', async ({ world }) => {
    const started = startSession(world.client, { agent: { model: 'claude-unknown-1' }, budgetCents: '100' })
    await expect(started).rejects.toMatchObject({ status: 400, errorCode: 'model_not_budgetable' })
  })
})

const escalate: Tool = {
  type: 'custom',
  name: 'escalate',
  description: 'Brings something to a person.',
  input_schema: { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] },
}
