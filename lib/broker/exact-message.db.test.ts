import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall } from '#lib/dev/test/broker-world.ts'
import { startRawMcp } from '#lib/dev/test/raw-mcp.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

const look = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }

dbTest('nothing reaches a server with a call that no rule and no approval speaks of', async ({ db, databaseUrl }) => {
  const heard: object[] = []
  const raw = await startRawMcp({
    answer: (method, params) => {
      if (method === 'tools/list') return { tools: [look] }
      heard.push(params)
      return { content: [] }
    },
  })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  try {
    const serverId = await makeServer(db, { url: raw.url, tools: { look: 'read' }, demo: true })
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId })
    await broker.broker.keeper.refresh()
    const token = await sessionToken(db, broker.url, agent)
    const call = { name: 'look', arguments: { amount: 1 } }
    const beside = { override: { amount: 1_000_000 }, _meta: { 'acme.example/tenant': 'other' } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...call, ...beside } })
    const answer = await postCall({ broker }, { token, body, serverId })
    expect([answer.json.result, heard]).toEqual([{ content: [] }, [call]])
  } finally {
    await broker.stop()
    await raw.stop()
  }
})
