import { describe, expect } from 'vitest'
import type { TestMcpServer } from '../testing/mcp-server.ts'
import { worldTest } from '../testing/world-test.ts'
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
  type World,
} from '../testing/world.ts'

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

describe('MCP tools', () => {
  worldTest('several calls of one turn run and their results reach the model', async ({ world, mcp }) => {
    const { client } = world
    const seen: [string, boolean][][] = []
    world.script.current = turns(
      {
        text: 'Reading and writing.',
        toolCalls: [
          { name: 'ledger__list_rows', input: { limit: 1 } },
          { name: 'ledger__add_row', input: { name: 'x' } },
        ],
      },
      (conversation) => {
        seen.push(lastResults(conversation))
        return { text: 'Finished.' }
      },
    )
    const session = await startSession(client, await withLedger(world, mcp))
    await say(client, session.id, 'go')
    const events = await until(client, session.id, idleFor('end_turn'))
    expect(seen).toEqual([
      [
        ['[{"row":0}]', false],
        ['added x', false],
      ],
    ])
    const uses = only(events, 'agent.mcp_tool_use')
    expect(uses.map((event) => [event.mcp_server_name, event.name, event.evaluated_permission])).toEqual([
      ['ledger', 'list_rows', 'allow'],
      ['ledger', 'add_row', 'allow'],
    ])
    const answered = only(events, 'agent.mcp_tool_result').map((event) => event.mcp_tool_use_id)
    expect(answered.toSorted()).toEqual(uses.map((event) => event.id).toSorted())
  })

  worldTest('a call the server denies goes back to the model as an error with its reason', async ({ world, mcp }) => {
    const { client } = world
    let seen: [string, boolean][] = []
    world.script.current = turns({ toolCalls: [{ name: 'ledger__denied', input: {} }] }, (conversation) => {
      seen = lastResults(conversation)
      return { text: 'I was refused.' }
    })
    const session = await startSession(client, await withLedger(world, mcp))
    await say(client, session.id, 'go')
    const events = await until(client, session.id, idleFor('end_turn'))
    expect(seen).toEqual([['Refused by rule grant:missing. Ask for ledger:write.', true]])
    expect(only(events, 'agent.mcp_tool_result')[0]?.is_error).toBe(true)
    expect(only(events, 'session.error')).toEqual([])
  })

  worldTest(
    'a refused credential is a session.error, and the session goes on without the server',
    async ({ world, mcp }) => {
      const { client } = world
      let offered: string[] = []
      world.script.current = ({ tools }) => {
        offered = tools.map((tool) => tool.name)
        return { text: 'Without tools.' }
      }
      const session = await startSession(client, await withLedger(world, mcp, 'unknown-token'))
      await say(client, session.id, 'go')
      const events = await until(client, session.id, idleFor('end_turn'))
      expect(only(events, 'session.error').map((event) => event.error)).toMatchObject([
        { type: 'mcp_authentication_failed_error', mcp_server_name: 'ledger', retry_status: { type: 'retrying' } },
      ])
      expect(offered).toEqual([])
    },
  )

  worldTest('a rotated token is used by the very next call', async ({ world, mcp }) => {
    const { client } = world
    const ledger = await withLedger(world, mcp)
    world.script.current = turns(
      { toolCalls: [{ name: 'ledger__add_row', input: { name: 'before' } }] },
      { text: 'one' },
      { toolCalls: [{ name: 'ledger__add_row', input: { name: 'after' } }] },
      { text: 'two' },
    )
    const session = await startSession(client, ledger)
    await say(client, session.id, 'go')
    await until(client, session.id, idleFor('end_turn'))
    mcp.tokens.add('second-token')
    mcp.tokens.delete('first-token')
    await client.beta.vaults.credentials.update(ledger.credentialId, {
      vault_id: ledger.vaultIds[0] ?? '',
      auth: { type: 'static_bearer', token: 'second-token' },
    })
    await say(client, session.id, 'again')
    await until(client, session.id, (events) => only(events, 'session.usage').length === 2)
    mcp.tokens.add('first-token')
    const used = mcp.calls.filter((call) => call.tool === 'add_row').slice(-2)
    expect(used.map((call) => call.token)).toEqual(['first-token', 'second-token'])
  })

  worldTest('disabled tools are not offered, and asking ones wait for a person', async ({ world, mcp }) => {
    const { client } = world
    let offered: string[] = []
    const results: [string, boolean][][] = []
    world.script.current = (conversation) => {
      offered = conversation.tools.map((tool) => tool.name)
      results.push(lastResults(conversation))
      if (results.length > 1) return { text: 'ok' }
      const call = (name: string) => ({ name: 'ledger__add_row', input: { name } })
      return { toolCalls: [call('allowed'), call('refused')] }
    }
    const ledger = await withLedger(world, mcp)
    const session = await startSession(client, {
      ...ledger,
      agent: {
        ...ledger.agent,
        tools: [
          {
            type: 'mcp_toolset',
            mcp_server_name: 'ledger',
            default_config: { enabled: false },
            configs: [{ name: 'add_row', enabled: true, permission_policy: { type: 'always_ask' } }],
          },
        ],
      },
    })
    const before = mcp.calls.length
    await say(client, session.id, 'go')
    const waiting = await until(client, session.id, idleFor('requires_action'))
    expect(offered).toEqual(['ledger__add_row'])
    const [first, second] = only(waiting, 'agent.mcp_tool_use')
    expect(mcp.calls).toHaveLength(before)

    const confirm = (id: string | undefined, result: 'allow' | 'deny') => ({
      type: 'user.tool_confirmation' as const,
      tool_use_id: id ?? '',
      result,
      ...(result === 'deny' ? { deny_message: 'Not this one.' } : {}),
    })
    await client.beta.sessions.events.send(session.id, { events: [confirm(first?.id, 'allow')] })
    await until(client, session.id, (events) => only(events, 'agent.mcp_tool_result').length === 1)
    await client.beta.sessions.events.send(session.id, { events: [confirm(second?.id, 'deny')] })
    await until(client, session.id, idleFor('end_turn'))
    expect(mcp.calls.slice(before).map((call) => call.input)).toEqual([{ name: 'allowed' }])
    expect(results[1]).toEqual([
      ['added allowed', false],
      ['Not this one.', true],
    ])
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
    const at = Date.now()
    await client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
    const events = await until(client, session.id, idleFor('end_turn'))
    expect(Date.now() - at).toBeLessThan(2_000)
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

/** An agent with the test's MCP server and a vault with the token for it. */
async function withLedger({ client }: World, mcp: TestMcpServer, token = 'first-token') {
  const vault = await client.beta.vaults.create({ display_name: 'test' })
  const credential = await client.beta.vaults.credentials.create(vault.id, {
    auth: { type: 'static_bearer', mcp_server_url: mcp.url, token },
  })
  return {
    vaultIds: [vault.id],
    credentialId: credential.id,
    agent: {
      mcp_servers: [{ type: 'url' as const, name: 'ledger', url: mcp.url }],
      tools: [
        {
          type: 'mcp_toolset' as const,
          mcp_server_name: 'ledger',
          default_config: { permission_policy: { type: 'always_allow' as const } },
        },
      ],
    },
  }
}
