import { plural } from '#lib/core/count.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Limits } from './limits.ts'
import type { Room } from './upstream/held-bytes.ts'

/** How many calls of each agent and to each server are under way at this broker, and how much of their answers it holds in memory. */
export class CallsAtOnce {
  readonly #agents = new Map<string, number>()
  readonly #servers = new Map<string, number>()
  #heldBytes = 0

  begin({ caller, serverId }: ToolCall): void {
    add(this.#agents, caller.agentId, 1)
    add(this.#servers, serverId, 1)
  }

  end({ caller, serverId }: ToolCall): void {
    add(this.#agents, caller.agentId, -1)
    add(this.#servers, serverId, -1)
  }

  /** Why one more may not begin; null when it may. A limit of 0 is none. */
  denialFor(
    { caller: { agentId }, serverId }: ToolCall,
    { agentCallsAtOnce, serverCallsAtOnce }: Pick<Limits, 'agentCallsAtOnce' | 'serverCallsAtOnce'>,
  ): Denial | null {
    const ofAgent = this.#agents.get(agentId) ?? 0
    const ofServer = this.#servers.get(serverId) ?? 0
    if (agentCallsAtOnce > 0 && ofAgent >= agentCallsAtOnce)
      return atOnce(`The agent ${agentId} has`, { scope: 'agent', used: ofAgent, atOnce: agentCallsAtOnce })
    if (serverCallsAtOnce > 0 && ofServer >= serverCallsAtOnce)
      return atOnce(`The server ${serverId} has`, { scope: 'server', used: ofServer, atOnce: serverCallsAtOnce })
    return null
  }

  /** Whether so much more may be held; then it is, until it is let go. */
  hold(bytes: number, max: number): boolean {
    if (this.#heldBytes + bytes > max) return false
    this.#heldBytes += bytes
    return true
  }

  letGo(bytes: number): void {
    this.#heldBytes -= bytes
  }

  /** For what belongs to no call. */
  room(max: number): Room {
    return { hold: (bytes) => this.hold(bytes, max), letGo: (bytes) => this.letGo(bytes) }
  }
}

function atOnce(who: string, facts: { scope: 'agent' | 'server'; used: number; atOnce: number }): Denial {
  const message = `${who} ${plural(facts.atOnce, 'call')} under way at this broker, which is as many as may be. Try again when one has ended.`
  return { rule: 'calls_at_once', message, facts }
}

function add(counts: Map<string, number>, id: string, change: 1 | -1): void {
  const count = (counts.get(id) ?? 0) + change
  if (count > 0) counts.set(id, count)
  else counts.delete(id)
}
