import { auditDenial, circuitDenial } from '../denials.ts'
import { AskRefused } from '../conversation/refusal.ts'
import { deadlineOf } from '../limits.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import { processCaller } from '../upstream/pool.ts'
import type { BrokeredServer } from '../view/view.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import { decideTask } from './offered.ts'
import { isOver } from './task-book.ts'
import type { BrokeredTask } from './task-ids.ts'
import { lookAt } from './task-without-session.ts'
import type { Look } from './task-watches.ts'

// The broker's own looks at a task of 2025-11-25 whose agent listens for it over `subscriptions/listen`, of which its server knows nothing.

/** However often its server says that it may be looked at. */
const pauseMs = { min: 1000, usual: 5000, max: 60_000 }

const ended: Look = { content: null, againMs: null, isOver: false }

/** Looks at a task as its agent would, for as long as that may: each look is decided about, has the deadline of a call, and ends as one does. */
export function looksAt(
  parts: PipelineParts,
  task: BrokeredTask,
): (caller: Caller, signal: AbortSignal) => Promise<Look> {
  let failures = 0
  return async (caller, signal) => {
    const look = await lookOnce(parts, task, { caller, signal })
    failures = look === 'not now' ? failures + 1 : 0
    if (look !== 'not now') return look
    return { content: null, againMs: Math.min(pauseMs.usual * 2 ** (failures - 1), pauseMs.max), isOver: false }
  }
}

async function lookOnce(
  parts: PipelineParts,
  task: BrokeredTask,
  { caller, signal }: { caller: Caller; signal: AbortSignal },
): Promise<Look | 'not now'> {
  const { session, serverId, tool: name, url } = task
  const decision = decideTask(parts, caller, task)
  const server = parts.view.servers.get(serverId)
  if (!decision.ok || !session || server?.url !== url) return ended
  const { agent, tool } = decision.value
  const call = { caller, serverId, tool: name }
  if (notNow(parts, server, call)) return 'not now'
  const circuit = parts.health.circuitOf(server)
  const deadline = deadlineOf(parts.limits, { server, agent })
  const running = parts.inFlight.begin(call, { teamId: agent.teamId, deadline, gone: signal })
  const connection = parts.upstreams.connectionTo(server, processCaller(agent))
  try {
    const asked = { ...tool, class: 'read', isMethod: true } as const
    const turn = { server, agent, tool: asked, running, trace: null }
    const about = { turn, connection, task, session }
    const reply = await parts.health.watch(circuit, running, () => lookAt(parts, { agent, caller }, about))
    if (!reply.ok) return ended
    const { resultType: _, ...content } = reply.result
    const over = isOver(content['status'])
    return { content, againMs: over ? null : pauseFor(content['pollIntervalMs']), isOver: over }
  } catch (error) {
    signal.throwIfAborted()
    // What it asks is refused and on record; its agent finds out by looking.
    if (error instanceof AskRefused) return 'not now'
    const isLost = error instanceof UpstreamFailure && lost.has(error.kind)
    return isLost ? ended : 'not now'
  } finally {
    running.end()
    circuit.released(call)
  }
}

/** The server knows the session no more, or says what no look could pass on. */
const lost: ReadonlySet<string> = new Set(['session_gone', 'too_large', 'too_deep', 'malformed'])

function notNow(parts: PipelineParts, server: BrokeredServer, call: Parameters<PipelineParts['inFlight']['begin']>[0]) {
  if (!parts.audit.available) return auditDenial
  const full = parts.inFlight.atOnce.denialFor(call, parts.limits) ?? parts.rates.takeForServer(server.id)
  return full ?? circuitDenial(parts.health, server, call)
}

function pauseFor(wanted: unknown): number {
  return typeof wanted === 'number' ? Math.min(Math.max(wanted, pauseMs.min), pauseMs.max) : pauseMs.usual
}
