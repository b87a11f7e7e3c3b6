import { z } from 'zod'
import { digestOf } from '#lib/core/canonical-json.ts'
import { isWithin } from '#lib/core/sub-resource.ts'
import { auditDenial, streamDenial } from '../denials.ts'
import { finishedRow } from '../audit/records.ts'
import type { AgentStream } from '../endpoint/agent-stream.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { metaKey } from '../upstream/envelope.ts'
import type { RpcMessage } from '../upstream/http.ts'
import { listenForTasksOf, taskIdsMax } from '../tasks/listening.ts'
import { takesTasks } from '../tasks/offered.ts'
import { missingCapability } from '../tasks/refusals.ts'
import { type Answer, brokerInfo, type RpcId, serverInfoKey } from '../wire.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Filter, type Hearing, mayHear } from './changes.ts'
import { asFilter, inAgentsWords, listenAt, ofServer } from './listening-at.ts'
import { type Listener, openLasting, uriLengthMax, urisMax } from './listening.ts'
import { serversOf } from './servers-of.ts'
import { refusedStream, refuseStream } from './stream-refusals.ts'

const filterInput = z.object({
  toolsListChanged: z.boolean().optional(),
  promptsListChanged: z.boolean().optional(),
  resourcesListChanged: z.boolean().optional(),
  resourceSubscriptions: z.array(z.string().max(uriLengthMax)).max(urisMax).optional(),
  /** Of the extension for tasks. */
  taskIds: z.array(z.string()).max(taskIdsMax).optional(),
})

type Heard = { server: BrokeredServer; filter: Filter; hearings: Hearing[] }

/**
 * `subscriptions/listen` of 2026-07-28: tells an agent what changes of what it may read. The tools are the broker's own to tell of; the rest
 * is listened for at the server, on the merged endpoint at every server that tells something of it. Null when the stream was the answer.
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
    return refusedStream(parts, listener, { status: 200, id, denial: { rule: 'params_invalid', message } })
  }
  const tooOften = parts.rates.takeForAgent(agent.id)
  if (tooOften) return refusedStream(parts, listener, { status: 429, id, denial: tooOften })
  const { taskIds = [], ...given } = parsed.data
  if (taskIds.length > 0 && !takesTasks(params)) return missingCapability(id)
  const tools: Filter = given.toolsListChanged ? { toolsListChanged: true } : {}
  const heard: Heard[] = serversOf(parts, listener).map((server) => ({
    server,
    ...mayHear(parts, { caller, serverId: server.id }, ofServer(given, { serverId, server })),
  }))
  const words = heard.map(({ server, filter }) => inAgentsWords(filter, { serverId, server }))
  const wanted = { ...asFilter(words), ...tools }
  const only = serverId === null ? undefined : heard[0]
  const notNow = only && only.hearings.length > 0 ? streamDenial(parts.health, only.server) : null
  if (notNow && (wanted.promptsListChanged || wanted.resourcesListChanged || wanted.resourceSubscriptions)) {
    return refusedStream(parts, listener, { status: 503, id, denial: notNow })
  }
  const hearings = heard.flatMap((each) => each.hearings.map((hearing) => ({ ...hearing, filter: each.filter })))
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
    reads: hearings.map(({ call }) => call),
    toolsChanged: (stream) => void tell(stream, change('tools')),
    last,
  })
  if (!lasting) return await refuseStream(parts, listener, { id, method: 'subscriptions/listen' })
  try {
    const rows = hearings.map(({ allowed: { tool, judged }, filter }) => {
      const record = { agent, caller, tool, judged, argumentsDigest: digestOf({ ...filter, ...tools }) }
      return finishedRow(record, { outcome: 'ok', ms: 0, denial: null, findings: null, now: parts.now() })
    })
    const durable = await Promise.all(rows.map((row) => recorded(parts, row, { happened: false })))
    if (!durable.every(Boolean)) return refusedStream(parts, listener, { status: 503, id, denial: auditDenial })
    const told = (message: RpcMessage): Promise<void> => tell(lasting.stream, message)
    const listening = heard.map(async ({ server, filter, hearings: found }) => {
      const readable = found.length > 0 && streamDenial(parts.health, server) === null
      const at = { ...filter, ...tools }
      return inAgentsWords(await listenAt(parts, { server, listener, wanted: at, lasting, told, readable }), {
        serverId,
        server,
      })
    })
    const honored: Filter & { taskIds?: string[] } = { ...tools, ...asFilter(await Promise.all(listening)) }
    const toldOfTask = async (message: RpcMessage): Promise<void> => {
      await acknowledged
      await lasting.stream.send(tag(message))
    }
    const servers = heard.map(({ server }) => server)
    Object.assign(honored, await listenForTasksOf(parts, listener, { servers, taskIds, lasting, told: toldOfTask }))
    await lasting.stream.send(
      tag({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: honored } }),
    )
    acknowledge()
    if (Object.keys(honored).length === 0) lasting.end(null)
    await lasting.closed
    return null
  } finally {
    // When something of it could not be had, nobody hears what the servers tell.
    lasting.release()
  }
}

function isWanted({ method, params }: RpcMessage, wanted: Filter): boolean {
  switch (method) {
    case 'notifications/tools/list_changed':
      return wanted.toolsListChanged === true
    case 'notifications/prompts/list_changed':
      return wanted.promptsListChanged === true
    case 'notifications/resources/list_changed':
      return wanted.resourcesListChanged === true
    case 'notifications/resources/updated': {
      const uri = String((params as { uri?: unknown } | undefined)?.uri)
      return wanted.resourceSubscriptions?.some((watched) => isWithin(uri, watched)) === true
    }
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
