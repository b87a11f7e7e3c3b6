import { describe, expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { withLedger } from '../testing/mcp-server.ts'
import { mcpFixture, worldFixture } from '../testing/fixtures.ts'
import { idleFor, lastResults, only, say, startSession, turns, until } from '../testing/world.ts'

const worldTest = dbTest.extend('world', { scope: 'file' }, worldFixture).extend('mcp', { scope: 'file' }, mcpFixture)

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
