import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

const numbers = '{"id":9007199254740993,"huge":1e400,"rate":0.25,"ids":[18446744073709551615]}'
const said = `{"content":[{"type":"text","text":"numbers"}],"structuredContent":${numbers}}`

/** A server of 2025-11-25 that says numbers as its language has them: `json` in one piece, `events` in a stream. */
async function startNumbers() {
  const heard: string[] = []
  const http = createServer((request, response) => void answer(request, response))
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { id, method, params } = JSON.parse(text) as { id?: number; method: string; params?: { name: string } }
    if (id === undefined) return void response.writeHead(202).end()
    const reply = (result: string) => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`
    if (method === 'tools/call') {
      heard.push(text)
      if (params?.name === 'events') {
        return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${reply(said)}\n\n`)
      }
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(reply(said))
    }
    if (method === 'prompts/list') {
      response.writeHead(200, { 'content-type': 'application/json' })
      return void response.end(reply(`{"prompts":[{"name":"count","_meta":${numbers}}]}`))
    }
    const greeting = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'numbers', version: '1' } }
    const tool = { inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }
    const tools = ['json', 'events'].map((name) => ({ name, ...tool }))
    const known = method === 'initialize' ? greeting : method === 'tools/list' ? { tools } : null
    const error = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":{"code":-32601,"message":"unknown"}}`
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(known ? reply(JSON.stringify(known)) : error)
  }
  return { http, heard, url: `${await listening(http)}/mcp` }
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startNumbers()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'numbers', name: 'Numbers', url: server.url, ...rest } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    server.http.close()
    server.http.closeAllConnections()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 2)
  return { broker, server }
})

const callOf = (tool: string, given: string) =>
  `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"${tool}","arguments":${given}}}`

test.for(['json', 'events'])('numbers of a server come to the agent to the digit (%s)', async (tool, { db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'numbers' })
  const token = await sessionToken(db, world.broker.url, agent)
  const { text } = await postCall(world, { token, serverId: 'numbers', body: callOf(tool, '{}') })
  expect(text).toContain(numbers)
})

test('numbers of a merged list come to the agent to the digit', async ({ db, world }) => {
  const agent = await makeAgent(db)
  // The broker knows the agent before its grant, as it may when it looks in between.
  const token = await sessionToken(db, world.broker.url, agent)
  await world.broker.broker.keeper.refresh()
  await makeGrant(db, { agentId: agent.agentId, serverId: 'numbers' })
  const body = '{"jsonrpc":"2.0","id":7,"method":"prompts/list","params":{}}'
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
  }
  const response = await fetch(`${world.broker.url}/mcp`, { method: 'POST', headers, body })
  expect(await response.text()).toContain(numbers)
})

test.for([
  ['1e400', true],
  ['1e400', false],
  ['9007199254740993', true],
  ['9007199254740993', false],
] as const)(
  'a request with %s is refused with the rule, on record, and not sent (granted: %s)',
  async ([given, granted], { db, world }) => {
    const agent = await makeAgent(db)
    if (granted) await makeGrant(db, { agentId: agent.agentId, serverId: 'numbers' })
    const token = await sessionToken(db, world.broker.url, agent)
    const before = world.server.heard.length
    const body = callOf('json', `{"limit":${given}}`)
    const { status, json } = await postCall(world, { token, serverId: 'numbers', body })
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { id: 7, error: { data: { rule: 'number_inexact', decision: expect.any(String) as string } } },
    })
    expect(json.error?.message).toContain(`${given} of limit`)
    expect(await lastEvent(db, agent.agentId)).toMatchObject({
      event: 'mcp.caller_refused',
      rule: 'number_inexact',
      serverId: 'numbers',
    })
    expect(world.server.heard.length).toBe(before)
  },
)

test('names of arguments come to the server as they were sent, whatever the engine has read before', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'numbers' })
  const token = await sessionToken(db, world.broker.url, agent)
  // From now on the engine takes this name for others (lib/core/parse-json.ts).
  JSON.parse(String.raw`{"h":[],"\\":0}`)
  const given = String.raw`{"h":1,"\"":2}`
  await postCall(world, { token, serverId: 'numbers', body: callOf('json', given) })
  expect(world.server.heard.at(-1)).toContain(given)
})
