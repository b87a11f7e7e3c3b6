import { decide } from '#lib/guardrails/rules/decide.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { circuitDenial } from '../denials.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { BrokeredServer } from '../view/view.ts'

const greetMs = 3000
/** What a handshake offers of a server depends on what the server said of itself, for whom may do one of these. */
const offeredFor = ['resources/list', 'prompts/list', 'completion/complete', 'logging/setLevel'] as const

/**
 * A handshake offers what its server said of itself, and an agent asks once: so a server that this replica has not greeted is greeted first, if
 * the agent may read anything of it. Why it cannot be offered now; null when it can.
 */
export async function greetFirst(
  parts: PipelineParts,
  { caller, serverId, gone }: { caller: Caller; serverId: string | null; gone: AbortSignal },
): Promise<Denial | null> {
  const server = serverId === null ? undefined : parts.view.servers.get(serverId)
  if (!server || parts.upstreams.spokenTo(server)) return null
  const now = parts.now()
  const may = (tool: string) => decide({ caller, serverId: server.id, tool, isMethod: true }, parts.view, now).ok
  if (!offeredFor.some(may)) return null
  return await reached(
    parts,
    server,
    AbortSignal.any([gone, AbortSignal.timeout(Math.min(greetMs, parts.limits.callDeadlineMs))]),
    (signal) => parts.upstreams.connectionTo(server, null).ready(signal),
  )
}

/** Does something at a server that no call is about, as a request its circuit admits; why that cannot be done now, or null. */
export async function reached(
  parts: PipelineParts,
  server: BrokeredServer,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<Denial | null> {
  const call = {}
  const denial = circuitDenial(parts.health, server, call)
  if (denial) return denial
  try {
    await parts.health.watch(parts.health.circuitOf(server), { call, signal }, () => work(signal))
    return null
  } catch (error) {
    const reason = error instanceof UpstreamFailure ? error.message : 'it did not answer in time'
    return { rule: 'upstream_unavailable', message: `Nothing can be begun with ${server.id} now: ${reason}.` }
  }
}
