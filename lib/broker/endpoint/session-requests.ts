import { isInitializeRequest } from '@modelcontextprotocol/server'
import { err, ok, type Result } from '#lib/core/result.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { askMethods, tasksMethod } from '#lib/registry/schema.ts'
import { askable } from '../conversation/asks.ts'
import { mayHearAny } from '../conversation/changes.ts'
import { mayRead } from '../conversation/listening.ts'
import { sessionEnded } from '../conversation/session-stream.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { keepsTasks, mayUseTasks } from '../tasks/offered.ts'
import { unasked } from '../upstream/health.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import { processCaller } from '../upstream/pool.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Answer, refusedAnswer } from '../wire.ts'
import { reached } from './greeting.ts'
import { untilAborted } from '../until-aborted.ts'
import { type AgentSession, keptCapabilities, type SessionOwner } from './sessions.ts'

const beginMs = 10_000
const sealMs = 5000
const tellMs = 10_000
export const accepted: Answer = { status: 202, body: '' }

/** Whose exchange it is, and about which server. */
export type Of = { caller: Caller; agent: AgentFacts; serverId: string | null; gone: AbortSignal }

/** Of an agent that names more sessions this replica has not met than it may make calls. */
export class TooManyNames {
  readonly denial: Denial

  constructor(denial: Denial) {
    this.denial = denial
  }
}

/**
 * The session a header names; undefined when there is no header, null when it names none that this caller has here. Waits only for one
 * that this replica meets for the first time; that counts as a call, since it may cost a key service one.
 */
export function sessionNamed(
  parts: PipelineParts,
  of: Of,
  name: string | undefined,
): AgentSession | TooManyNames | null | undefined | Promise<AgentSession | null> {
  if (name === undefined) return undefined
  const { sessions } = parts.conversations
  const owner = ownerOf(parts, of)
  const known = sessions.known(name, owner)
  if (known !== undefined) return known
  const tooOften = parts.rates.takeForAgent(of.caller.agentId)
  return tooOften ? new TooManyNames(tooOften) : sessions.find(name, owner)
}

/**
 * Begins a session before 2026-07-28; null when the body does not ask for one. It gets one of its own at the server if the server keeps
 * something for a session that this agent may use: what it watches and how much is logged, its tasks, what it can be asked for, or the events of
 * its calls. Refused when that one cannot be had now: for the rest of its life the session would be without.
 */
export async function beginSession(
  parts: PipelineParts,
  of: Of,
  body: unknown,
): Promise<Result<AgentSession | null, Denial>> {
  if (!isInitializeRequest(body)) return ok(null)
  const { sampling, elicitation, roots } = body.params.capabilities as Record<string, unknown>
  // What the session does not keep its server is not told either: it keeps that for as long as the session lasts.
  const declared = keptCapabilities(
    Object.fromEntries(
      Object.entries({ sampling, elicitation, roots }).filter(
        ([, value]) => typeof value === 'object' && value !== null,
      ),
    ),
  )
  const server = of.serverId === null ? undefined : parts.view.servers.get(of.serverId)
  const upstream = server ? await ownSession(parts, of, { server, declared }) : ok(null)
  if (!upstream.ok) return upstream
  const about = { upstream: upstream.value, capabilities: declared }
  const begun = parts.conversations.sessions.begin(ownerOf(parts, of), about)
  try {
    return ok(await untilAborted(begun, AbortSignal.any([of.gone, AbortSignal.timeout(sealMs)])))
  } catch (error) {
    parts.holding.log.warn({ err: error }, 'a session could not be begun')
    // Nobody has its name, so nobody else would end the one at the server.
    if (server && upstream.value) void endUpstream(parts, of, { server, session: upstream.value }).catch(() => {})
    return err({ rule: 'session_unsealed', message: 'The key that seals sessions could not be had in time.' })
  }
}

async function ownSession(
  parts: PipelineParts,
  of: Of,
  { server, declared }: { server: BrokeredServer; declared: Readonly<Record<string, unknown>> },
): Promise<Result<UpstreamSession | null, Denial>> {
  const told = askable(parts, of, { serverId: server.id, declared })
  const may = (method: string): boolean => mayRead(parts, of, server.id, method)
  const hears = mayHearAny(parts, { caller: of.caller, serverId: server.id }) || may('logging/setLevel')
  // Answers whose connection is lost are there in a session of its own only; a server that keeps none agents share one at.
  const resumes = parts.upstreams.keepsEvents(server) && mayCallAny(parts, of.caller, server)
  const maySay = told !== null || hears || mayUseTasks(parts, of.caller, server.id).ok
  // For whom nothing is kept there, the server is not even greeted.
  if (!maySay && !resumes) return ok(null)
  let session: UpstreamSession | null = null
  const signal = AbortSignal.any([of.gone, AbortSignal.timeout(Math.min(beginMs, parts.limits.callDeadlineMs))])
  const denial = await reached(parts, server, signal, async () => {
    const connection = parts.upstreams.connectionTo(server, processCaller(of.agent))
    const wasGreeted = connection.spoken !== null
    const { logging, resources, prompts } = (await connection.ready(signal)).capabilities
    const needed =
      told !== null ||
      resumes ||
      keepsTasks(parts, of.caller, server.id) ||
      (logging !== undefined && may('logging/setLevel')) ||
      (resources?.subscribe === true && may('resources/subscribe')) ||
      // What changes of its lists it says in a session only.
      (prompts?.listChanged === true && may('prompts/list')) ||
      (resources?.listChanged === true && may('resources/list'))
    const asks = needed && !connection.isSessionless
    if (asks) session = await connection.openSession(told ?? {}, signal)
    return wasGreeted && !asks ? unasked : session
  })
  // Without one an answer may be lost, and nothing else.
  if (denial && !maySay) return ok(null)
  return denial ? err(denial) : ok(session)
}

function mayCallAny(parts: PipelineParts, caller: Caller, { id: serverId, tools }: BrokeredServer): boolean {
  const now = parts.now()
  return [...tools.keys()].some((tool) => decide({ caller, serverId, tool }, parts.view, now).ok)
}

/** What an agent says about its side of a session that servers have a part in; a cancellation ends what runs at any replica. */
export async function takeNotice(
  parts: PipelineParts,
  of: Of,
  { session, body }: { session: AgentSession | undefined; body: RpcMessage },
): Promise<Answer> {
  const { method, params } = body
  if (!session || !passedNotices.has(method)) return accepted
  const tooOften = parts.rates.takeForAgent(of.caller.agentId)
  if (tooOften) return refused(parts, of, { status: 429, denial: tooOften })
  const message = { method, ...(params === undefined ? {} : { params }) }
  if (of.serverId === null) return await tellAll(parts, of, { session, message })
  const denial = denialToSay(parts, of, of.serverId)
  if (denial) return refused(parts, of, { status: 403, denial })
  return await passOn(parts, of, { session, serverId: of.serverId, message })
}

const passedNotices: ReadonlySet<unknown> = new Set([
  'notifications/cancelled',
  'notifications/roots/list_changed',
  'notifications/progress',
])

/**
 * At the merged address a message does not say which server it is for. Under the id of a request only one of them knows something, and what changed of the agent's roots is for all; whose
 * progress is told nobody can say.
 */
async function tellAll(
  parts: PipelineParts,
  of: Of,
  { session, message }: { session: AgentSession; message: RpcMessage },
): Promise<Answer> {
  if (message['method'] === 'notifications/progress') return accepted
  const all = await parts.conversations.serverSessions.all(session, parts.view.servers)
  const told = all.filter(({ server }) => denialToSay(parts, of, server.id) === null)
  await Promise.all(told.map(({ server: { id }, part }) => passOn(parts, of, { session, part, serverId: id, message })))
  return accepted
}

/** Why nothing is said to the server any more: what the session is for must still be allowed. */
function denialToSay(parts: PipelineParts, of: Of, serverId: string): Denial | null {
  const server = parts.view.servers.get(serverId)
  let denial: Denial | null = null
  for (const tool of [...askMethods, 'resources/subscribe', tasksMethod]) {
    const decision = decide({ caller: of.caller, serverId, tool, isMethod: true }, parts.view, parts.now())
    if (decision.ok) return null
    denial = decision.error
  }
  return server && mayCallAny(parts, of.caller, server) ? null : denial
}

export function refused(parts: PipelineParts, of: Of, { status, denial }: { status: number; denial: Denial }): Answer {
  parts.metrics.refused(denial.rule, { server: of.serverId ?? '', agentClass: of.agent.tier })
  const pointer = { portalUrl: parts.portalUrl, agentId: of.agent.id }
  return refusedAnswer(status, null, denial, of.serverId === null ? pointer : { ...pointer, serverId: of.serverId })
}

/** Says something to a server in the session it has a part in. */
export async function passOn(
  parts: PipelineParts,
  of: Of,
  {
    session,
    serverId,
    message,
    ...known
  }: { session: AgentSession; serverId: string; message: RpcMessage; part?: AgentSession | undefined },
): Promise<Answer> {
  const server = parts.view.servers.get(serverId)
  if (!server?.enabled) return accepted
  const { sessions, serverSessions } = parts.conversations
  try {
    const part = known.part ?? (of.serverId === null ? await serverSessions.find(session, server) : session)
    if (!part?.upstream) return accepted
    const signal = AbortSignal.timeout(Math.min(tellMs, parts.limits.callDeadlineMs))
    const status = await parts.upstreams
      .connectionTo(server, processCaller(of.agent))
      .tell(message, { session: part.upstream, signal })
    if (status !== 404) return accepted
    if (of.serverId === null) {
      await serverSessions.forget(session, server, part)
      return accepted
    }
    sessions.end(session.name)
    return sessionEnded()
  } catch {
    // What was said is lost, as on any connection: whoever waits for it has a deadline.
    return accepted
  }
}

/** Ends a session, here and at the servers that have a part in it. */
export async function endSession(parts: PipelineParts, of: Of, session: AgentSession): Promise<Answer> {
  const { sessions, serverSessions, settings } = parts.conversations
  const server = of.serverId === null ? undefined : parts.view.servers.get(of.serverId)
  let status = 200
  if (session.upstream && server) {
    status = await endUpstream(parts, of, { server, session: session.upstream }).catch(() => 200)
  }
  if (status === 405) return { status, body: '' }
  // First for all replicas: an agent that is told of a failure says it again.
  await settings.end(session)
  if (of.serverId === null) {
    const all = await serverSessions.all(session, parts.view.servers)
    await serverSessions.forgetAll(session)
    for (const each of all) {
      void endUpstream(parts, of, { server: each.server, session: each.part.upstream! }).catch(() => {})
    }
  }
  sessions.end(session.name)
  return { status: status >= 200 && status < 500 ? status : 200, body: '' }
}

async function endUpstream(
  parts: PipelineParts,
  { agent }: Of,
  { server, session }: { server: BrokeredServer; session: UpstreamSession },
): Promise<number> {
  const connection = parts.upstreams.connectionTo(server, processCaller(agent))
  return await connection.endSession(session, AbortSignal.timeout(Math.min(tellMs, parts.limits.callDeadlineMs)))
}

function ownerOf(parts: PipelineParts, { caller, serverId }: Pick<Of, 'caller' | 'serverId'>): SessionOwner {
  return { caller, serverId, url: serverId === null ? '' : (parts.view.servers.get(serverId)?.url ?? '') }
}
