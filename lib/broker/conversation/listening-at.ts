import { mergedAddress, splitAddress } from '../merged-addresses.ts'
import { deadlineOf } from '../limits.ts'
import { mergedNotice } from '../merged-results.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { processCaller } from '../upstream/pool.ts'
import type { Room } from '../upstream/held-bytes.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Filter, mayOverhear } from './changes.ts'
import { afterDiscovery, type Lasting, listenInSession, type Listener, listenModern } from './listening.ts'
import { ToldStream } from './told-stream.ts'

const begunMs = 3000

/** What is asked for, of whom, and who is told. */
export type ListenTo = {
  filter: Filter
  signal: AbortSignal
  /** How long the server has to begin. */
  beginMs: number
  room: Room
  /** Called with what the server will tell; not at all when it tells nothing. */
  begun: (honored: Filter) => void
  told: (message: RpcMessage) => Promise<void>
}

/**
 * Listens at a server of either era, until the signal or until the server ends it. False when it tells nothing, now or later; rejects when it
 * does not now.
 */
export async function listenTo(
  connection: UpstreamConnection,
  { filter, signal, beginMs, room, begun, told }: ListenTo,
): Promise<boolean> {
  const { era, capabilities } = await connection.ready(signal)
  // Since 2026-07-28 a log is told with what it is about, so whoever hears nothing else hears nothing here.
  if (era === 'modern')
    return (
      Object.keys(filter).length > 0 && (await listenModern(connection, { filter, signal, beginMs, room, begun, told }))
    )
  const { prompts, resources, logging } = capabilities
  const lists: Filter = {}
  if (filter.promptsListChanged && prompts?.listChanged) lists.promptsListChanged = true
  if (filter.resourcesListChanged && resources?.listChanged) lists.resourcesListChanged = true
  const uris = resources?.subscribe ? (filter.resourceSubscriptions ?? []) : []
  const tellsMore = Object.keys(lists).length > 0 || logging !== undefined
  // Whoever has nothing to tell costs no session.
  if (uris.length === 0 && !tellsMore) return false
  const inSession = (watched: string[]): void =>
    begun(watched.length > 0 ? { ...lists, resourceSubscriptions: watched } : lists)
  return await listenInSession(connection, { uris, tellsMore, signal, beginMs, room, begun: inSession, told })
}

/** Begins to listen at the server, as far as it can tell something; resolves with what the agent will be told of. */
export async function listenAt(
  parts: PipelineParts,
  options: {
    server: BrokeredServer
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
  // Whoever may read nothing is told of tools only, which the registry knows.
  if (!readable || Object.keys(wanted).length === 0) return own
  const isMerged = listener.serverId === null
  const { listeners } = parts.conversations
  const release = isMerged ? listeners.take(listener.agent.id, parts.limits.agentListenersMax) : () => {}
  if (!release) return own
  const { promise, resolve } = Promise.withResolvers<Filter>()
  const late = setTimeout(() => resolve(own), begunMs)
  let isBegun = false
  const begun = (honored: Filter): void => {
    isBegun = true
    resolve({ ...honored, ...own })
  }
  // That it listens was recorded before.
  const guards = new ToldStream(parts, listener, server).recorded()
  const told = async (message: RpcMessage): Promise<void> => {
    const guarded = await guardedAt(parts, listener, { server, guards, message })
    if (guarded) await options.told(guarded)
  }
  const over = (tells: boolean): void => {
    release()
    resolve(own)
    // What tells nothing of it, now or later, is left out of what is acknowledged; of several servers what does not now is, too.
    if (!tells || (!isBegun && isMerged)) return
    // The server tells nothing any more: the agent listens again, when that is not all there was to tell.
    if (Object.keys(wanted).length > Object.keys(own).length) end(null)
  }
  const listen = async (): Promise<boolean> =>
    listenTo(parts.upstreams.connectionTo(server, processCaller(listener.agent)), {
      filter: wanted,
      signal,
      beginMs: deadlineOf(parts.limits, { server, agent: listener.agent }).limit,
      room: parts.inFlight.atOnce.room(parts.limits.heldBytesMax),
      begun,
      told,
    })
  listen().then(over, () => over(true))
  const honored = await promise
  clearTimeout(late)
  return honored
}

/** What a server tells as its listener may hear it, guarded and in the words of the endpoint; null when it may not. */
export async function guardedAt(
  parts: PipelineParts,
  listener: Listener,
  { server, guards, message }: { server: BrokeredServer; guards: ToldStream; message: RpcMessage },
): Promise<RpcMessage | null> {
  if (!mayOverhear(parts, { caller: listener.caller, serverId: server.id }, message['method'])) return null
  await afterDiscovery(parts, server, message)
  const guarded = await guards.guard(message)
  return guarded && listener.serverId === null ? mergedNotice(server.id, guarded) : guarded
}

type Given = { readonly [K in keyof Filter]?: boolean | readonly string[] | undefined }
type Where = { serverId: string | null; server: Pick<BrokeredServer, 'id'> }

/** What of a filter is for one server, in its own words. */
export function ofServer(given: Given, { serverId, server }: Where): Given {
  const { resourceSubscriptions: uris } = given
  if (serverId !== null || !Array.isArray(uris)) return given
  return { ...given, resourceSubscriptions: ownAddresses(uris as readonly string[], server.id) }
}

/** The addresses of the merged endpoint that are of one server, as that calls them. */
export function ownAddresses(merged: Iterable<string>, serverId: string): string[] {
  return [...merged].flatMap((uri) => {
    const split = splitAddress(uri)
    return split?.serverId === serverId ? [split.own] : []
  })
}

/** What a server is asked to tell, as its agent calls it. */
export function inAgentsWords(filter: Filter, { serverId, server }: Where): Filter {
  const { resourceSubscriptions: uris } = filter
  if (serverId !== null || !uris) return filter
  return { ...filter, resourceSubscriptions: uris.map((uri) => mergedAddress(server.id, uri)) }
}

/** Several filters as one. */
export function asFilter(filters: readonly Filter[]): Filter {
  const uris = filters.flatMap(({ resourceSubscriptions = [] }) => resourceSubscriptions)
  const all: Filter = Object.assign({}, ...filters) as Filter
  return uris.length > 0 ? { ...all, resourceSubscriptions: uris } : all
}
