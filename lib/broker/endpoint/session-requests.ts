import { isInitializeRequest } from '@modelcontextprotocol/server'
import { err, ok, type Result } from '#lib/core/result.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { askMethods, tasksMethod } from '#lib/registry/schema.ts'
import { askable } from '../conversation/asks.ts'
import { mayHearAny } from '../conversation/changes.ts'
import { mayRead } from '../conversation/listening.ts'
import { sessionNotFound } from '../conversation/session-stream.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { keepsTasks, mayUseTasks } from '../tasks/offered.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import { processCaller } from '../upstream/pool.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Answer, refusedAnswer } from '../wire.ts'
import { reached } from './greeting.ts'
import { untilAborted } from '../until-aborted.ts'
import type { AgentSession, SessionOwner } from './sessions.ts'

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
  const declared = Object.fromEntries(
    Object.entries({ sampling, elicitation, roots }).filter(([, value]) => typeof value === 'object' && value !== null),
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
  { server, declared }: { server: BrokeredServer; declared: Record<string, unknown> },
): Promise<Result<UpstreamSession | null, Denial>> {
  const told = askable(parts, of, { serverId: server.id, declared })
  const may = (method: string): boolean => mayRead(parts, of, server.id, method)
  const hears = mayHearAny(parts, { caller: of.caller, serverId: server.id })
  // Answers whose connection is lost are there in a session of its own only; a server that keeps none agents share one at.
  const resumes = parts.upstreams.keepsEvents(server) && mayCallAny(parts, of.caller, server)
  const maySay = told !== null || hears || mayUseTasks(parts, of.caller, server.id).ok
  // For whom nothing is kept there, the server is not even greeted.
  if (!maySay && !resumes) return ok(null)
  let session: UpstreamSession | null = null
  const signal = AbortSignal.any([of.gone, AbortSignal.timeout(beginMs)])
  const denial = await reached(parts, server, signal, async () => {
    const connection = parts.upstreams.connectionTo(server, processCaller(of.agent))
    const { logging, resources, prompts } = (await connection.ready(signal)).capabilities
    const keeps = logging !== undefined || resources?.subscribe === true
    const needed =
      told !== null ||
      resumes ||
      keepsTasks(parts, of.caller, server.id) ||
      (keeps && may('resources/subscribe')) ||
      // What changes of its lists it says in a session only.
      (prompts?.listChanged === true && may('prompts/list')) ||
      (resources?.listChanged === true && may('resources/list'))
    if (needed) session = await connection.openSession(told ?? {}, signal)
  })
  // Without one an answer may be lost, and nothing else.
  if (denial && !maySay) return ok(null)
  return denial ? err(denial) : ok(session)
}

function mayCallAny(parts: PipelineParts, caller: Caller, { id: serverId, tools }: BrokeredServer): boolean {
  const now = parts.now()
  return [...tools.keys()].some((tool) => decide({ caller, serverId, tool }, parts.view, now).ok)
}

/** What an agent says about its side of a session the server has a part in; a cancellation ends what runs at any replica. */
export async function takeNotice(
  parts: PipelineParts,
  of: Of,
  { session, body }: { session: AgentSession | undefined; body: RpcMessage },
): Promise<Answer> {
  const { method, params } = body
  const passed = ['notifications/cancelled', 'notifications/roots/list_changed', 'notifications/progress']
  if (!passed.includes(String(method))) return accepted
  const tooOften = parts.rates.takeForAgent(of.caller.agentId)
  if (tooOften) return refused(parts, of, { status: 429, denial: tooOften })
  // What the session is for must still be allowed.
  const decision = decideAny(parts, of, [...askMethods, 'resources/subscribe', tasksMethod])
  const server = of.serverId === null ? undefined : parts.view.servers.get(of.serverId)
  if (decision && !decision.ok && !(server && mayCallAny(parts, of.caller, server)))
    return refused(parts, of, { status: 403, denial: decision.error })
  return await passOn(parts, of, { session, message: { method, ...(params === undefined ? {} : { params }) } })
}

/** Whether one of these may be done at the server now: the first that may, else why not; null without a server. */
function decideAny(parts: PipelineParts, of: Of, methods: readonly string[]): ReturnType<typeof decide> | null {
  if (of.serverId === null) return null
  let last: ReturnType<typeof decide> | null = null
  for (const tool of methods) {
    last = decide({ caller: of.caller, serverId: of.serverId, tool, isMethod: true }, parts.view, parts.now())
    if (last.ok) return last
  }
  return last
}

export function refused(parts: PipelineParts, of: Of, { status, denial }: { status: number; denial: Denial }): Answer {
  parts.metrics.refused(denial.rule)
  const pointer = { portalUrl: parts.portalUrl, agentId: of.agent.id }
  return refusedAnswer(status, null, denial, of.serverId === null ? pointer : { ...pointer, serverId: of.serverId })
}

/** Says something to the server in the session it has a part in. */
export async function passOn(
  parts: PipelineParts,
  of: Of,
  { session, message }: { session: AgentSession | undefined; message: RpcMessage },
): Promise<Answer> {
  const server = of.serverId === null ? undefined : parts.view.servers.get(of.serverId)
  if (!session?.upstream || !server?.enabled) return accepted
  try {
    const signal = AbortSignal.timeout(tellMs)
    const status = await parts.upstreams
      .connectionTo(server, processCaller(of.agent))
      .tell(message, { session: session.upstream, signal })
    if (status !== 404) return accepted
    parts.conversations.sessions.end(session.name)
    return sessionNotFound()
  } catch {
    // What was said is lost, as on any connection: whoever waits for it has a deadline.
    return accepted
  }
}

/** Ends a session, here and at the server. */
export async function endSession(parts: PipelineParts, of: Of, session: AgentSession): Promise<Answer> {
  const server = of.serverId === null ? undefined : parts.view.servers.get(of.serverId)
  let status = 200
  if (session.upstream && server) {
    status = await endUpstream(parts, of, { server, session: session.upstream }).catch(() => 200)
  }
  if (status === 405) return { status, body: '' }
  // First for all replicas: an agent that is told of a failure says it again.
  await parts.conversations.settings.end(session)
  parts.conversations.sessions.end(session.name)
  return { status: status >= 200 && status < 500 ? status : 200, body: '' }
}

async function endUpstream(
  parts: PipelineParts,
  { agent }: Of,
  { server, session }: { server: BrokeredServer; session: UpstreamSession },
): Promise<number> {
  const connection = parts.upstreams.connectionTo(server, processCaller(agent))
  return await connection.endSession(session, AbortSignal.timeout(tellMs))
}

function ownerOf(parts: PipelineParts, { caller, serverId }: Pick<Of, 'caller' | 'serverId'>): SessionOwner {
  return { caller, serverId, url: serverId === null ? '' : (parts.view.servers.get(serverId)?.url ?? '') }
}
