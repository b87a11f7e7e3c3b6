import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{}, {}])
  onCleanup(stop)
  return { brokers }
})
type World = { brokers: readonly { url: string; broker: { keeper: { refresh(): Promise<unknown> } } }[] }

/** An agent that waits four seconds for a call, at both replicas. */
async function hurried(db: Db, { brokers }: World, serverId: string) {
  const agent = await makeAgent(db)
  for (const toolName of [undefined, 'method:elicitation/create']) {
    await makeGrant(db, { agentId: agent.agentId, serverId, ...(toolName ? { toolName } : {}) })
  }
  await db.agent.update({ where: { id: agent.agentId }, data: { callDeadlineSeconds: 4 } })
  for (const { broker } of brokers) await broker.keeper.refresh()
  const at = async ({ url }: { url: string }) => {
    const token = await sessionToken(db, url, agent)
    return { url: `${url}/mcp/${serverId}`, token, raw: new RawAgent(`${url}/mcp/${serverId}`, token) }
  }
  return { here: await at(brokers[0]!), there: await at(brokers[1]!) }
}

const slow = { legacy: { slow: true }, modern: { note: 'slow' } }
const answer = { action: 'accept', content: { name: 'Ada' } }
const late = (message: RawMessage | undefined) => {
  const text = JSON.stringify(message)
  expect(text).toContain('upstream_deadline')
  expect(text).toContain('"limitOf":"agent"')
}

test.for([
  ['legacy', 'here'],
  ['legacy', 'there'],
  ['modern', 'here'],
] as const)(
  'once an agent has answered in its session, a %s server has as long as the agent waits (answered %s)',
  { timeout: 60_000 },
  async ([serverId, where], { db, world }) => {
    const replicas = await hurried(db, world, serverId)
    const { raw } = replicas.here
    const headers = await raw.begin({ elicitation: {} })
    const body = { id: 3, method: 'tools/call', params: { name: 'asking', arguments: slow[serverId] } }
    const { messages } = await raw.send({ body, headers })
    const asked = (await messages.next()).value!
    expect(asked.method).toBe('elicitation/create')
    // Its agent may take longer than that.
    await setTimeout(4500)
    const answered = await replicas[where].raw.ask({ body: { id: asked.id!, result: answer }, headers })
    expect(answered.status).toBe(202)
    late((await messages.next()).value)
  },
)

test('so has one whose call waits for an agent without a session', { timeout: 60_000 }, async ({ db, world }) => {
  const { raw } = (await hurried(db, world, 'legacy')).here
  const about = { capabilities: { elicitation: {} }, more: { arguments: slow.legacy } }
  const { last } = await raw.ask(modernCall('asking', about))
  const { inputRequests, requestState } = last.result as { inputRequests: object; requestState: string }
  await setTimeout(4500)
  const inputResponses = { [Object.keys(inputRequests)[0]!]: answer }
  const more = { ...about.more, inputResponses, requestState }
  late((await raw.ask(modernCall('asking', { ...about, more }))).last)
})

test('a call that is resumed has no longer than its agent waits', { timeout: 60_000 }, async ({ db, world }) => {
  const { raw, url, token } = (await hurried(db, world, 'legacy')).here
  const headers = { ...(await raw.begin({ elicitation: {} })), authorization: `Bearer ${token}` }
  const params = { name: 'asking', arguments: slow.legacy }
  const first = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'tools/call', params }),
  })
  let text = ''
  const reader = first.body!.pipeThrough(new TextDecoderStream()).getReader()
  while (!/^id: .+$/m.test(text)) text += (await reader.read()).value ?? ''
  await reader.cancel()
  const id = /^id: (.+)$/m.exec(text)![1]!
  const resumed = await fetch(url, { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': id } })
  expect(resumed.status).toBe(200)
  // It ends; nothing was to come for ten minutes.
  await resumed.text()
})
