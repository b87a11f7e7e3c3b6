import { z } from 'zod'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { auditDenial, streamDenial } from '../denials.ts'
import { finishedRow } from '../audit/records.ts'
import type { AgentStream } from '../endpoint/agent-stream.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { metaKey } from '../upstream/envelope.ts'
import { processCaller } from '../upstream/pool.ts'
import type { RpcMessage } from '../upstream/http.ts'
import { listenForTasks, taskIdsMax } from '../tasks/listening.ts'
import { takesTasks } from '../tasks/offered.ts'
import { missingCapability } from '../tasks/refusals.ts'
import { type Answer, brokerInfo, errorAnswer, type RpcId, refusedAnswer, serverInfoKey } from '../wire.ts'
import { type Filter, mayHear, methodToHear } from './changes.ts'
import {
  afterDiscovery,
  type Lasting,
  listenInSession,
  type Listener,
  listenModern,
  mayRead,
  openLasting,
  uriLengthMax,
  urisMax,
} from './listening.ts'
import { ToldStream } from './told-stream.ts'

const begunMs = 3000
const nothing = { filter: {}, hearings: [] } as const
const filterInput = z.object({
  toolsListChanged: z.boolean().optional(),
  promptsListChanged: z.boolean().optional(),
  resourcesListChanged: z.boolean().optional(),
  resourceSubscriptions: z.array(z.string().max(uriLengthMax)).max(urisMax).optional(),
  /** Of the extension for tasks. */
  taskIds: z.array(z.string()).max(taskIdsMax).optional(),
})

/**
 * `subscriptions/listen` of 2026-07-28: tells an agent what changes of what it may read. The tools are the broker's own to tell of; the rest
 * is listened for at the server. Null when the stream was the answer.
 */
export async function subscribe(
  parts: PipelineParts,
  listener: Listener,
  { id, params }: { id: RpcId; params: Record<string, unknown> },
): Promise<Answer | null> {
  const { caller, agent, serverId } = listener
  const parsed = filterInput.safeParse(params['notifications'])
  if (!parsed.success) {
    const message = 'subscriptions/listen needs notifications: which changes to tell of.'
    return errorAnswer(200, id, { code: -32602, message })
  }
  const tooOften = parts.rates.takeForAgent(agent.id)
  if (tooOften) return refusedStream(parts, listener, { status: 429, id, denial: tooOften })
  const server = serverId === null ? undefined : parts.view.servers.get(serverId)
  const { toolsListChanged, taskIds = [], ...rest } = parsed.data
  if (taskIds.length > 0 && !takesTasks(params)) return missingCapability(id)
  const heard = server ? mayHear(parts, { caller, serverId: server.id }, { toolsListChanged, ...rest }) : nothing
  const wanted: Filter = { ...heard.filter, ...(toolsListChanged ? { toolsListChanged } : {}) }
  const notNow = server && heard.hearings.length > 0 ? streamDenial(parts.health, server) : null
  if (notNow && (wanted.promptsListChanged || wanted.resourcesListChanged || wanted.resourceSubscriptions)) {
    return refusedStream(parts, listener, { status: 503, id, denial: notNow })
  }
  const rows = heard.hearings.map(({ allowed: { tool, judged } }) => {
    const record = { agent, caller, tool, judged, argumentsDigest: digestOf(wanted) }
    return finishedRow(record, { outcome: 'ok', ms: 0, denial: null, findings: null, now: parts.now() })
  })
  const durable = await Promise.all(rows.map((row) => recorded(parts, row, { happened: false })))
  if (!durable.every(Boolean)) {
    return refusedAnswer(503, id, auditDenial, { portalUrl: parts.portalUrl, agentId: agent.id })
  }
  const tag = (message: RpcMessage): RpcMessage => tagged(message, id)
  const last = {
    jsonrpc: '2.0',
    id,
    result: { resultType: 'complete', _meta: { [metaKey.subscription]: id, [serverInfoKey]: brokerInfo } },
  }
  // Nothing is told before it is said what will be.
  const { promise: acknowledged, resolve: acknowledge } = Promise.withResolvers<void>()
  const tell = async (stream: AgentStream, message: RpcMessage): Promise<void> => {
    await acknowledged
    if (isWanted(message, wanted)) await stream.send(tag(message))
  }
  const lasting = openLasting(parts, listener, {
    reads: heard.hearings.map(({ call }) => call),
    toolsChanged: (stream) => void tell(stream, change('tools')),
    last,
  })
  if (!lasting) return tooMany(parts, listener, id)
  const told = (message: RpcMessage): Promise<void> => tell(lasting.stream, message)
  const honored = server
    ? await listenAt(parts, { server, listener, wanted, lasting, told, readable: heard.hearings.length > 0 && !notNow })
    : wanted
  const toldOfTask = async (message: RpcMessage): Promise<void> => {
    await acknowledged
    await lasting.stream.send(tag(message))
  }
  const about = { taskIds, lasting, told: toldOfTask }
  if (server) Object.assign(honored, await listenForTasks(parts, listener, { server, ...about }))
  await lasting.stream.send(
    tag({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: honored } }),
  )
  acknowledge()
  if (Object.keys(honored).length === 0) lasting.end(null)
  await lasting.closed
  return null
}

/** Begins to listen at the server, as far as it can tell something; resolves with what the agent will be told of. */
async function listenAt(
  parts: PipelineParts,
  options: {
    server: NonNullable<ReturnType<PipelineParts['view']['servers']['get']>>
    listener: Listener
    wanted: Filter
    lasting: Lasting
    told: (message: RpcMessage) => Promise<void>
    readable: boolean
  },
): Promise<Filter> {
  const { server, listener, wanted, lasting, readable } = options
  const { signal, end } = lasting
  const own: Filter = wanted.toolsListChanged ? { toolsListChanged: true } : {}
  const { promise, resolve } = Promise.withResolvers<Filter>()
  const late = setTimeout(() => resolve(own), begunMs)
  // That it listens was recorded before.
  const guards = new ToldStream(parts, listener, server).recorded()
  const told = async (message: RpcMessage): Promise<void> => {
    if (!mayRead(parts, listener, server.id, methodToHear(message['method']))) return
    await afterDiscovery(parts, server, message)
    const guarded = await guards.guard(message)
    if (guarded) await options.told(guarded)
  }
  const listen = async (): Promise<void> => {
    const connection = parts.upstreams.connectionTo(server, processCaller(listener.agent))
    const { era, capabilities } = await connection.ready(signal)
    if (era === 'modern') {
      const begun = (honored: Filter): void => resolve({ ...honored, ...own })
      return await listenModern(connection, { filter: wanted, signal, begun, told })
    }
    const honored: Filter = { ...own }
    if (wanted.promptsListChanged && capabilities.prompts?.listChanged) honored.promptsListChanged = true
    if (wanted.resourcesListChanged && capabilities.resources?.listChanged) honored.resourcesListChanged = true
    if (wanted.resourceSubscriptions && capabilities.resources?.subscribe)
      honored.resourceSubscriptions = wanted.resourceSubscriptions
    const uris = honored.resourceSubscriptions ?? []
    await listenInSession(connection, { uris, signal, begun: () => resolve(honored), told })
  }
  // Whoever may read nothing is told of tools only, which the registry knows.
  if (!readable || Object.keys(wanted).length === 0) resolve(own)
  else {
    const over = (): void => {
      resolve(own)
      // The server tells nothing any more: the agent listens again, when that is not all there was to tell.
      if (Object.keys(wanted).length > Object.keys(own).length) end(null)
    }
    listen().then(over, over)
  }
  const honored = await promise
  clearTimeout(late)
  return honored
}

function isWanted({ method, params }: RpcMessage, wanted: Filter): boolean {
  switch (method) {
    case 'notifications/tools/list_changed':
      return wanted.toolsListChanged === true
    case 'notifications/prompts/list_changed':
      return wanted.promptsListChanged === true
    case 'notifications/resources/list_changed':
      return wanted.resourcesListChanged === true
    case 'notifications/resources/updated':
      return wanted.resourceSubscriptions?.includes(String((params as { uri?: unknown } | undefined)?.uri)) === true
    default:
      return false
  }
}

export function change(list: 'tools' | 'prompts' | 'resources'): RpcMessage {
  return { jsonrpc: '2.0', method: `notifications/${list}/list_changed` }
}

function tagged(message: RpcMessage, id: RpcId): RpcMessage {
  const params = (message['params'] ?? {}) as Record<string, unknown>
  const meta = (params['_meta'] ?? {}) as Record<string, unknown>
  return { ...message, params: { ...params, _meta: { ...meta, [metaKey.subscription]: id } } }
}

export function tooMany(parts: PipelineParts, listener: Listener, id: RpcId): Answer {
  const message = `${listener.agent.id} has ${parts.limits.agentStreamsMax} open streams.`
  return refusedStream(parts, listener, { status: 429, id, denial: { rule: 'rate_limited', message } })
}

export function refusedStream(
  parts: PipelineParts,
  { agent, serverId }: Listener,
  { status, id, denial }: { status: number; id: RpcId; denial: Denial },
): Answer {
  const pointer = { portalUrl: parts.portalUrl, agentId: agent.id, ...(serverId === null ? {} : { serverId }) }
  return refusedAnswer(status, id, denial, pointer)
}
