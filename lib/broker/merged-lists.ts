import { parseExactly } from '#lib/core/exact-json.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { Talk } from './conversation/talk.ts'
import { auditDenial } from './denials.ts'
import { mayOffer, mergedOf } from './merged-offer.ts'
import { type ListMethod, listOf, resultFor } from './methods.ts'
import { cursorFor, readCursor } from './paging.ts'
import { deny, refuse, refuseParams } from './deny.ts'
import { proceed } from './pipeline.ts'
import type { AgentRequest, PipelineParts } from './pipeline-parts.ts'
import type { BrokeredServer } from './view/view.ts'
import { type Answer, errorAnswer, resultAnswer, type RpcError } from './wire.ts'

/** Servers asked for one page, at once. */
const atOnceMax = 8
const methodNotFoundCode = -32601
/** In the `_meta` of a list: the servers whose part is not in it, and why. */
const omittedKey = 'wheelhouse/omitted'

/** Where a page begins: at a server, and there at its own cursor or its beginning. */
type From = { serverId: string; cursor: string | null }
type Part = { serverId: string; items: unknown[]; nextCursor: string | null; ttlMs: number; error: RpcError | null }

/**
 * A list of what several servers have: of those the agent may list at, by id, and of each in the server's own order. A page has the first
 * page of each server up to one that has more; the next page goes on there. A server that does not answer in time leaves out its part, and
 * the page says so.
 */
export async function listMerged(parts: PipelineParts, request: AgentRequest, method: ListMethod): Promise<Answer> {
  const from = fromOf(method, request.params['cursor'])
  if (from === undefined) return refuseParams(parts, request, 'The cursor is not one of this list.')
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  const { caller, agent, era, id } = request
  // One call of the agent however many servers it is asked of; at each of them it is a call as well.
  const call = { caller, serverId: '', tool: method, isMethod: true } as const
  const tooOften = parts.rates.takeForAgent(caller.agentId)
  if (tooOften) return deny(parts, { ...request, method }, { call, denial: tooOften })
  let servers = askedFor(parts, request, method)
  if (servers.length === 0) {
    await parts.refresh()
    servers = askedFor(parts, request, method)
  }
  if (servers.length === 0) {
    const denial: Denial = { rule: 'grant_missing', message: `${agent.id} holds no grant that covers ${method}.` }
    return deny(parts, { ...request, method }, { call, denial })
  }
  const left = from === null ? servers : servers.filter((server) => server.id >= from.serverId)
  const isWithin = from?.cursor != null && left[0]?.id === from.serverId
  const asked = left.slice(0, isWithin ? 1 : atOnceMax)
  const answered = await Promise.all(
    asked.map((server) => partOf(parts, request, { method, server, cursor: isWithin ? from.cursor : null })),
  )
  const more = answered.findIndex((part) => part.nextCursor !== null)
  const shown = more < 0 ? answered : answered.slice(0, more + 1)
  const omitted = shown.flatMap(({ serverId, error }) => (error ? [{ serverId, ...error }] : []))
  const first = omitted[0]
  if (first && from === null && omitted.length === servers.length) {
    const { serverId: _, ...error } = first
    return errorAnswer(200, id, error)
  }
  const last = shown.at(-1)
  const next = left[asked.length]
  const nextCursor =
    last && last.nextCursor !== null
      ? encoded(method, { serverId: last.serverId, cursor: last.nextCursor })
      : next
        ? encoded(method, { serverId: next.id, cursor: null })
        : null
  const result = {
    [listOf(method)]: shown.flatMap(({ items }) => items),
    ...(nextCursor === null ? {} : { nextCursor }),
    ...(omitted.length === 0 ? {} : { _meta: { [omittedKey]: omitted } }),
    ttlMs: omitted.length > 0 ? 0 : Math.min(...shown.map(({ ttlMs }) => ttlMs)),
  }
  return resultAnswer(era, id, resultFor(era, method, result))
}

/** The servers that may be asked; one that says it has nothing of the kind is not, unless they all do. */
function askedFor(parts: PipelineParts, { caller, agent }: AgentRequest, method: ListMethod): BrokeredServer[] {
  const now = parts.now()
  const granted = mergedOf(parts, parts.view.agents.get(caller.agentId) ?? agent).filter(
    ({ id }) => decide({ caller, serverId: id, tool: method, isMethod: true }, parts.view, now).ok,
  )
  const having = granted.filter((server) => mayOffer(parts, server, method))
  return having.length > 0 ? having : granted
}

/** One server's page, on the way of a call: decided about, limited, recorded and guarded like any other. */
async function partOf(
  parts: PipelineParts,
  request: AgentRequest,
  { method, server, cursor }: { method: ListMethod; server: BrokeredServer; cursor: string | null },
): Promise<Part> {
  const { caller, era, talk } = request
  const { stream } = talk
  const part: AgentRequest = {
    ...request,
    method,
    params: cursor === null ? {} : { cursor },
    // Nothing may be asked for a list, and what is found in the words of one server is not another's.
    talk: new Talk(era, {}, { stream, session: null }),
    deadlineMs: parts.limits.listDeadlineMs,
  }
  const call = { caller, serverId: server.id, tool: method, isMethod: true } as const
  // Others may have taken time since it was found to be granted.
  const decision = decide(call, parts.view, parts.now())
  const answer = decision.ok
    ? await proceed(parts, part, { call, allowed: decision.value, bypassed: null })
    : await deny(parts, part, { call, denial: decision.error })
  return readPart(server.id, method, answer)
}

function readPart(serverId: string, method: ListMethod, { body }: Answer): Part {
  const { result, error } = parseExactly(body) as { result?: Record<string, unknown>; error?: RpcError }
  const none: Part = { serverId, items: [], nextCursor: null, ttlMs: 0, error: null }
  if (error) return error.code === methodNotFoundCode ? none : { ...none, error }
  const items = result?.[listOf(method)]
  if (!Array.isArray(items)) {
    return { ...none, error: { code: -32603, message: `${serverId} answers with no list of what was asked for.` } }
  }
  const { nextCursor, ttlMs } = result ?? {}
  return {
    ...none,
    items,
    nextCursor: typeof nextCursor === 'string' ? nextCursor : null,
    ttlMs: typeof ttlMs === 'number' ? ttlMs : 0,
  }
}

/** Null for the beginning, undefined for a cursor that is not of this list. */
function fromOf(method: ListMethod, given: unknown): From | null | undefined {
  const key = readCursor(given)
  if (key === null || key === undefined) return key
  let read: unknown
  try {
    read = JSON.parse(key)
  } catch {
    return undefined
  }
  if (!Array.isArray(read) || read.length !== 3) return undefined
  const [of, serverId, cursor] = read as unknown[]
  if (of !== method || typeof serverId !== 'string') return undefined
  return cursor === null || typeof cursor === 'string' ? { serverId, cursor } : undefined
}

function encoded(method: ListMethod, { serverId, cursor }: From): string {
  return cursorFor(JSON.stringify([method, serverId, cursor]))
}
