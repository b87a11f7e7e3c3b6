import { Anthropic } from '@anthropic-ai/sdk'
import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { createLog } from '#lib/log/log.ts'
import type { SimulatedTurn, SimulationConversation } from '#lib/templates/schema.ts'
import type { LoopLimits } from '../loop/deps.ts'
import { createModelServer } from '../model/server.ts'
import { createEmbeddedServer, type EmbeddedServer } from '../server.ts'

export type Script = (conversation: SimulationConversation) => SimulatedTurn

const encryptionKey = randomBytes(32).toString('base64')

export const keys = {
  apiKey: 'test-api-key-0123456789',
  environmentKey: 'test-environment-key-0123456789',
  encryptionKey,
  secretBox: createSecretBox(encryptionKey),
}

export const log = createLog({ process: 'claude-test', level: 'silent' })

/** The embedded server with a scripted model behind it, both real and on loopback. */
export type World = {
  server: EmbeddedServer
  /** The platform's client, as the SDK makes it. */
  client: Anthropic
  modelUrl: string
  /** What the model says next; change it any time. */
  script: { current: Script }
  stop(): Promise<void>
}

export async function startWorld(
  db: Db,
  options: { limits?: Partial<LoopLimits>; modelUrl?: string } = {},
): Promise<World> {
  const script: World['script'] = { current: () => ({ text: 'Done.' }) }
  const model = createModelServer({
    scriptOf: () => ({ next: (conversation) => script.current(conversation) }),
    log,
    latencyMs: 0,
  })
  const modelUrl = options.modelUrl ?? (await listen(model))
  const server = createEmbeddedServer({
    db,
    log,
    host: '127.0.0.1',
    port: 0,
    ...keys,
    model: { url: modelUrl, apiKey: 'simulated', simulated: true },
    limits: { backoffMs: 20, ...options.limits },
  })
  await server.start()
  return {
    server,
    client: clientFor(server.url),
    modelUrl,
    script,
    async stop() {
      await server.stop(2_000)
      model.closeAllConnections()
      model.close()
    },
  }
}

export function clientFor(url: string, apiKey = keys.apiKey): Anthropic {
  return new Anthropic({ baseURL: url, apiKey, authToken: null, maxRetries: 0, logLevel: 'off' })
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
}

/** The results of the last assistant turn, in order: `[text, isError]`. */
export function lastResults({ messages }: SimulationConversation): [string, boolean][] {
  const content = messages.at(-1)?.content ?? []
  if (typeof content === 'string') return []
  return content.flatMap((block): [string, boolean][] => {
    if (block.type !== 'tool_result' || !('tool_use_id' in block)) return []
    const text =
      typeof block.content === 'string' ? block.content : (block.content ?? []).map((part) => part.text ?? '').join('')
    return [[text, block.is_error === true]]
  })
}

/** Plays these turns one after the other, by the number of assistant turns so far; then it ends. */
export function turns(...script: (SimulatedTurn | Script)[]): Script {
  return (conversation) => {
    const done = conversation.messages.filter((message) => message.role === 'assistant').length
    const next = script[done] ?? { text: 'Done.' }
    return typeof next === 'function' ? next(conversation) : next
  }
}

type AgentParams = Partial<Anthropic.Beta.AgentCreateParams>

export type Tool = NonNullable<AgentParams['tools']>[number]

export const bash: Tool = {
  type: 'agent_toolset_20260401',
  default_config: { enabled: false },
  configs: [{ name: 'bash', enabled: true }],
}

/** A session on a new agent in the seeded environment. */
export async function startSession(
  client: Anthropic,
  options: { agent?: AgentParams; vaultIds?: string[]; budgetCents?: string } = {},
): Promise<Anthropic.Beta.BetaManagedAgentsSession> {
  const agent = await client.beta.agents.create({
    name: 'Tester',
    model: 'claude-sonnet-5-5',
    system: 'Test.',
    ...options.agent,
  })
  return await client.beta.sessions.create({
    agent: { type: 'agent', id: agent.id, version: agent.version },
    environment_id: 'env_wheelhouse',
    vault_ids: options.vaultIds ?? [],
    ...(options.budgetCents
      ? { budget: { type: 'limit', max_list_cost: { amount: options.budgetCents, currency: 'USD' } } }
      : {}),
  })
}

export async function say(client: Anthropic, sessionId: string, text: string): Promise<void> {
  await client.beta.sessions.events.send(sessionId, {
    events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
  })
}

type Event = Anthropic.Beta.Sessions.BetaManagedAgentsSessionEvent

export async function eventsOf(client: Anthropic, sessionId: string): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of client.beta.sessions.events.list(sessionId)) events.push(event)
  return events
}

/** Polls the history until it says so; fails after fifteen seconds with what there was. */
export async function until(
  client: Anthropic,
  sessionId: string,
  says: (events: Event[]) => boolean,
): Promise<Event[]> {
  const end = Date.now() + 15_000
  while (true) {
    const events = await eventsOf(client, sessionId)
    if (says(events)) return events
    if (Date.now() > end) throw new Error(`not reached; events: ${events.map((event) => event.type).join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** The last status says idle for this reason. */
export function idleFor(reason: string): (events: Event[]) => boolean {
  return (events) => {
    const status = events.findLast((event) => event.type.startsWith('session.status_'))
    return status?.type === 'session.status_idle' && status.stop_reason.type === reason
  }
}

export function only<T extends Event['type']>(events: readonly Event[], type: T): Extract<Event, { type: T }>[] {
  return events.filter((event): event is Extract<Event, { type: T }> => event.type === type)
}
