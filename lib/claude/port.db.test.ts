import { describe, expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { connect, createServer } from 'node:net'
import { createClaudePort } from './commands.ts'
import { startTestMcpServer } from './embedded/testing/mcp-server.ts'
import { worldFixture } from './embedded/testing/fixtures.ts'
import { keys, lastResults, turns, type World } from './embedded/testing/world.ts'
import { builtInTools, customTool, mcpTools, pendingActions, textOf, usageOfRequest } from './rules.ts'
import type { ClaudeAgentSpec, ClaudeEvent } from './schema.ts'

const worldTest = dbTest.extend('world', { scope: 'file' }, worldFixture)

describe('the port', () => {
  worldTest('takes an agent from its creation through a run with an escalation to its archive', async ({ world }) => {
    const port = portOf(world)
    const mcp = await startTestMcpServer('run-token')
    const results: [string, boolean][] = []
    world.script.current = turns(
      { toolCalls: [{ name: 'ledger__list_rows', input: { limit: 1 } }] },
      { toolCalls: [{ name: 'escalate', input: { title: 'Odd row' } }] },
      (conversation) => {
        results.push(...lastResults(conversation))
        return { text: 'Told a person.' }
      },
    )
    const spec = { ...base, tools: [mcpTools('ledger'), escalate], mcpServers: [{ name: 'ledger', url: mcp.url }] }
    const agent = await port.createAgent(spec)
    const environment = await port.ensureEnvironment('wheelhouse')
    expect(environment.id).toBe('env_wheelhouse')
    const vault = await port.createVault({ name: 'run', metadata: { run: '1' } })
    const credential = await port.createCredential({
      vaultId: vault.id,
      mcpServerUrl: mcp.url,
      token: 'old-token',
      name: 'ledger',
    })
    await port.rotateCredential({ vaultId: vault.id, credentialId: credential.id, token: 'run-token' })
    const session = await port.createSession({
      agent,
      environmentId: environment.id,
      vaultIds: [vault.id],
      title: 'Run 1',
      metadata: { run: '1' },
      budgetMicros: 5_000_000n,
      firstMessage: 'Go.',
    })
    const stop = new AbortController()
    const events: ClaudeEvent[] = []
    for await (const event of port.streamEvents(session.id, stop.signal)) {
      events.push(event)
      if (event.type !== 'session.status_idle') continue
      const [action] = pendingActions(events)
      if (!action) break
      expect(action).toMatchObject({ toolName: 'escalate', waitsFor: 'custom', input: { title: 'Odd row' } })
      await port.answerCustomTool(session.id, { eventId: action.eventId, text: 'Noted.' })
    }
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length)
    expect(results).toEqual([['Noted.', false]])
    expect(events.filter((event) => event.type === 'agent.message').map(textOf)).toEqual(['Told a person.'])
    const requests = events.filter((event) => event.type === 'span.model_request_end').map(usageOfRequest)
    const after = await port.getSession(session.id)
    expect(after.usage.inputTokens).toBe(requests.reduce((sum, usage) => sum + usage.inputTokens, 0))
    expect(after.usage.listCostMicros).not.toBeNull()

    await port.archiveSession(session.id)
    expect(await port.getSession(session.id)).toMatchObject({ status: 'terminated' })
    await port.deleteVault(vault.id)
    await port.deleteVault(vault.id)
    await port.archiveAgent(agent.id)
    const all = []
    for await (const listed of port.listAgents()) all.push(listed)
    expect(all.find((listed) => listed.id === agent.id)?.archivedAt).toBeInstanceOf(Date)
    await mcp.stop()
  })

  worldTest('an update is a new version, and a stale one a conflict', async ({ world }) => {
    const port = portOf(world)
    const agent = await port.createAgent(base)
    const next = await port.updateAgent({ id: agent.id, expectedVersion: 1, spec: { ...base, system: 'Changed.' } })
    expect(next).toEqual({ id: agent.id, version: 2 })
    const stale = port.updateAgent({ id: agent.id, expectedVersion: 1, spec: base })
    await expect(stale).rejects.toMatchObject({ name: 'DomainError', code: 'conflict' })
    expect(await port.getAgent(agent.id, 1)).toMatchObject({ version: 1 })
  })

  worldTest('two that ensure the same environment at once end with the same one', async ({ world }) => {
    const [one, two] = await Promise.all([
      portOf(world).ensureEnvironment('shared'),
      portOf(world).ensureEnvironment('shared'),
    ])
    expect(one.id).toBe(two.id)
  })

  worldTest('an interrupt ends the turn, with proof in the session', async ({ world }) => {
    const port = portOf(world)
    world.script.current = turns({ toolCalls: [{ name: 'escalate', input: { title: 'x' } }] })
    const agent = await port.createAgent({ ...base, tools: [escalate] })
    const session = await port.createSession({ ...run, agent, firstMessage: 'Go.' })
    const stop = new AbortController()
    let interrupted = false
    for await (const event of port.streamEvents(session.id, stop.signal)) {
      if (event.type !== 'session.status_idle') continue
      if (event.stop_reason.type !== 'requires_action') break
      if (!interrupted) await port.interrupt(session.id)
      interrupted = true
    }
    expect(await port.getSession(session.id)).toMatchObject({ status: 'idle' })
    expect(pendingActions(await port.listEvents(session.id))).toEqual([])
  })

  worldTest('a person confirms or denies through it', async ({ world }) => {
    const port = portOf(world)
    let seen: [string, boolean][] = []
    world.script.current = turns({ toolCalls: [{ name: 'bash', input: { command: 'rm' } }] }, (conversation) => {
      seen = lastResults(conversation)
      return { text: 'ok' }
    })
    const agent = await port.createAgent({ ...base, tools: [builtInTools(['bash'], { ask: ['bash'] })] })
    const session = await port.createSession({ ...run, agent, firstMessage: 'Go.' })
    const stop = new AbortController()
    const events: ClaudeEvent[] = []
    for await (const event of port.streamEvents(session.id, stop.signal)) {
      events.push(event)
      if (event.type !== 'session.status_idle') continue
      const [action] = pendingActions(events)
      if (!action) break
      expect(action.waitsFor).toBe('confirmation')
      await port.confirmTool(session.id, { eventId: action.eventId, allow: false, message: 'No.' })
    }
    expect(seen).toEqual([['No.', true]])
  })
})

describe('errors', () => {
  worldTest('are ours: not found, refused input, and a refused key is not the caller’s fault', async ({ world }) => {
    const port = portOf(world)
    await expect(port.getSession('sesn_none')).rejects.toMatchObject({ code: 'not_found', details: { status: 404 } })
    await expect(port.createAgent({ ...base, name: '' })).rejects.toMatchObject({ code: 'invalid' })
    const stranger = createClaudePort({ baseUrl: world.server.url, apiKey: 'wrong-key' })
    await expect(stranger.getSession('sesn_none')).rejects.toMatchObject({
      code: 'unavailable',
      details: { status: 401 },
    })
    const gone = createClaudePort({ baseUrl: 'http://127.0.0.1:1', apiKey: 'x', timeoutMs: 500 })
    await expect(gone.getSession('sesn_none')).rejects.toMatchObject({ code: 'unavailable' })
  })

  worldTest('a server that does not enforce budgets gets no session that needs one', async ({ world }) => {
    const port = createClaudePort({ baseUrl: world.server.url, apiKey: keys.apiKey, capabilities: { budgets: false } })
    const started = port.createSession({ ...run, agent: { id: 'agent_x', version: 1 }, budgetMicros: 1n })
    await expect(started).rejects.toMatchObject({ code: 'unavailable' })
  })

  worldTest('a stream on a session that does not exist fails instead of trying for ever', async ({ world }) => {
    const events = portOf(world).streamEvents('sesn_none', new AbortController().signal)
    await expect(events.next()).rejects.toMatchObject({ code: 'not_found' })
  })
})

worldTest('a stream that breaks is taken up again, without a gap and without a repetition', async ({ world }) => {
  const direct = portOf(world)
  const agent = await direct.createAgent({ ...base, tools: [escalate] })
  world.script.current = ({ messages }) => ({ text: `answer ${messages.length}` })
  const session = await direct.createSession({ ...run, agent, firstMessage: 'one' })
  // A proxy that cuts every connection after 300 ms.
  const target = new URL(world.server.url)
  const proxy = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const end of [socket, upstream]) end.on('error', () => {})
    socket.pipe(upstream).pipe(socket)
    setTimeout(() => [socket, upstream].forEach((end) => end.destroy()), 300)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const port = createClaudePort({ baseUrl: url, apiKey: keys.apiKey })
  const stop = new AbortController()
  const seen: ClaudeEvent[] = []
  for await (const event of port.streamEvents(session.id, stop.signal)) {
    seen.push(event)
    const idles = seen.filter((other) => other.type === 'session.status_idle').length
    if (event.type === 'session.status_idle' && idles < 3) {
      await new Promise((resolve) => setTimeout(resolve, 350))
      await direct.sendMessage(session.id, 'more')
    }
    if (idles === 3) stop.abort()
  }
  const history = await direct.listEvents(session.id)
  expect(seen.map((event) => event.id)).toEqual(history.map((event) => event.id))
  proxy.close()
})

const escalate = customTool({
  name: 'escalate',
  description: 'Brings something to a person.',
  properties: { title: { type: 'string' } },
  required: ['title'],
})

const base: ClaudeAgentSpec = {
  name: 'Tester',
  description: '',
  model: 'claude-sonnet-5-5',
  system: 'Test.',
  tools: [],
  mcpServers: [],
  metadata: { registry: 'tester' },
}

const run = { environmentId: 'env_wheelhouse', vaultIds: [], title: 'Run', metadata: {} }

function portOf(world: World) {
  return createClaudePort({ baseUrl: world.server.url, apiKey: keys.apiKey })
}
