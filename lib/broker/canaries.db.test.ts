import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { encryptionKey, listening, makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { setServerCredential } from '#lib/registry/commands.ts'
import type { SetServerCredentialInput } from '#lib/registry/schema.ts'
import { everyRow, secretsFound, startWatched, viewsOf } from './testing/canary-watch.ts'

const canary = () => `canary/${randomBytes(9).toString('base64')}"q`
const bearer = canary()
const password = canary()
const header = canary()
const clientSecret = canary()
const planted = { bearer, password, header, clientSecret }
/** The ways a server says a secret back. */
const ways = ['plain', 'base64', 'shifted', 'url', 'unicode', 'split', 'error', 'refuse', 'break']

function said(way: string, secret: string): string {
  switch (way) {
    case 'base64':
      return Buffer.from(secret).toString('base64')
    case 'shifted':
      return Buffer.from(`user:${secret}!`).toString('base64')
    case 'url':
      return encodeURIComponent(secret)
    default:
      return secret
  }
}

/** Speaks 2025-11-25 by hand, so that it can break every rule of decency. */
async function indecent(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const message = (await json(request).catch(() => null)) as {
    id?: number
    method?: string
    params?: { name?: string }
  } | null
  const shown = String(request.headers['x-api-key'] ?? request.headers.authorization ?? '')
  const basic = shown.startsWith('Basic ') ? Buffer.from(shown.slice(6), 'base64').toString() : null
  const secret = basic?.slice(basic.indexOf(':') + 1) ?? shown.replace('Bearer ', '')
  const way = message?.params?.name ?? ''
  const answer = (body: object, status = 200) =>
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id: message?.id, ...body }))
  if (message?.method === 'initialize') {
    const serverInfo = { name: secret, version: '1' }
    return void answer({ result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo } })
  }
  if (message?.method === 'tools/list') {
    const tools = ways.map((name) => ({
      name,
      description: name,
      inputSchema: { type: 'object' },
      annotations: { readOnlyHint: true },
    }))
    return void answer({ result: { tools } })
  }
  if (message?.method !== 'tools/call') return void response.writeHead(message?.id === undefined ? 202 : 404).end()
  if (way === 'error')
    return void answer({ error: { code: -32000, message: `no: ${secret}`, data: { authorization: shown, secret } } })
  if (way === 'refuse')
    return void response
      .writeHead(401, { 'www-authenticate': `Bearer error_description="${encodeURIComponent(secret)}"` })
      .end(secret)
  if (way === 'break') return void request.socket.destroy(new Error(secret))
  const text = said(way, secret)
  const result = JSON.stringify({
    jsonrpc: '2.0',
    id: message.id,
    result: { content: [{ type: 'text', text: `it is ${text}.` }], _meta: { shown } },
  })
  if (way === 'unicode') {
    const escaped = result.replaceAll(
      JSON.stringify(text).slice(1, -1),
      text.replace(/[^]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
    )
    return void response.writeHead(200, { 'content-type': 'application/json' }).end(escaped)
  }
  if (way !== 'split') return void response.writeHead(200, { 'content-type': 'application/json' }).end(result)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = Buffer.from(`event: message\ndata: ${result}\n\n`)
  for (let at = 0; at < event.length; at += 5) {
    response.write(event.subarray(at, at + 5))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  response.end()
}

dbTest(
  'a planted secret is in no answer, no record, no log and no view, however its server says it back',
  async ({ db, databaseUrl }) => {
    const secretBox = createSecretBox(encryptionKey)
    const person = await makePerson(db, { roles: ['security'] })
    const http = createServer((request, response) => void indecent(request, response))
    const url = `${await listening(http)}/mcp`
    const credentials: Record<string, Omit<SetServerCredentialInput, 'serverId'>> = {
      bearer: { kind: 'bearer', secret: bearer },
      basic: { kind: 'basic', secret: `ada:${password}` },
      header: { kind: 'header', headerName: 'X-Api-Key', secret: header },
      client: {
        kind: 'oauth_client',
        clientId: 'app',
        method: 'client_secret_post',
        clientSecret,
        issuer: new URL('/', url).href,
      },
    } as Record<string, Omit<SetServerCredentialInput, 'serverId'>>
    const agent = await makeAgent(db)
    for (const [id, credential] of Object.entries(credentials)) {
      await makeServer(db, { id, url, tools: {}, demo: true })
      await makeGrant(db, { agentId: agent.agentId, serverId: id })
      await setServerCredential(ctxFor(db, person), {
        input: { ...credential, serverId: id } as SetServerCredentialInput,
        secretBox,
      })
    }
    const watched = await startWatched({ db, databaseUrl })
    const { broker, url: brokerUrl } = watched
    const answers: string[] = []
    try {
      await until(async () => (await db.mcpTool.count()) === ways.length * 3)
      await broker.keeper.refresh()
      const token = await sessionToken(db, brokerUrl, agent)
      await broker.keeper.refresh()
      for (const serverId of Object.keys(credentials)) {
        for (const tool of ways) {
          const { text, headers } = await postCall({ broker: watched }, { token, tool, serverId })
          answers.push(text, JSON.stringify([...headers]))
        }
      }
      answers.push(...(await watched.metrics()))
    } finally {
      await watched.stop()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    }
    expect(answers.filter((text) => text.includes('[redacted]')).length).toBeGreaterThanOrEqual(18)
    const places = {
      answers,
      records: await everyRow(db),
      logs: watched.lines,
      spans: watched.spans,
      views: await viewsOf(db, Object.keys(credentials)),
    }
    expect(places.records.length).toBeGreaterThan(ways.length * 3)
    for (const texts of [places.logs, places.spans]) expect(texts.length).toBeGreaterThan(0)
    expect(secretsFound(places, planted)).toEqual([])
  },
)
