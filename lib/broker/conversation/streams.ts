import { decide, decideCaller } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller, StopFacts, ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { visibleTools } from '../listing.ts'
import type { BrokeredServer, BrokerView } from '../view/view.ts'

/** A stream of an agent that no call began. */
export type OpenStream = {
  caller: Caller
  serverId: string | null
  /** What lets it be told of a server; it ends when any of that is refused. Empty: it is told of what the agent may call only. */
  reads: readonly ToolCall[]
  /** Told when what the agent may call has changed. */
  toolsChanged: () => void
  /** Null: its time is over, or the broker stops. */
  end: (denial: Denial | null) => void
}

type Seen = {
  agent: AgentFacts | undefined
  servers: readonly BrokeredServer[]
  stops: readonly StopFacts[]
  tools: string
}

/** The lasting streams of this replica. What the registry brings ends them or is told to them, as it ends calls. */
export class AgentStreams {
  readonly #open = new Map<OpenStream, Seen>()

  countOf(agentId: string): number {
    let count = 0
    for (const { caller } of this.#open.keys()) if (caller.agentId === agentId) count += 1
    return count
  }

  /** Call the returned function at its end. */
  add(stream: OpenStream, view: BrokerView, now: Date): () => void {
    this.#open.set(stream, look(stream, view, now))
    return () => void this.#open.delete(stream)
  }

  /** Ends the streams of whom would be refused now, and tells the others whose tools have changed. */
  recheck(view: BrokerView, now: Date): void {
    for (const [stream, seen] of this.#open) {
      const decision = decideCaller(stream.caller, view)
      if (!decision.ok) {
        stream.end(decision.error)
        continue
      }
      const refusal = refusalOf(stream, view, now)
      if (refusal) {
        stream.end(refusal)
        continue
      }
      if (isSame(seen, stream, view)) continue
      const next = look(stream, view, now)
      this.#open.set(stream, next)
      if (next.tools !== seen.tools) stream.toolsChanged()
    }
  }

  endAll(denial: Denial | null): void {
    for (const stream of this.#open.keys()) stream.end(denial)
  }
}

function refusalOf({ reads }: OpenStream, view: BrokerView, now: Date): Denial | null {
  for (const read of reads) {
    const decision = decide(read, view, now)
    // What is spent is spent: it refuses the next one.
    if (!decision.ok && decision.error.rule !== 'budget_exceeded') return decision.error
  }
  return null
}

function look({ caller, serverId }: OpenStream, view: BrokerView, now: Date): Seen {
  const agent = view.agents.get(caller.agentId)
  const { servers, tools } = visibleTools(view, { caller, agent, serverId, now })
  return { agent, servers, stops: view.stops, tools: tools.join('\n') }
}

/** Facts are never changed in place: the same objects mean the same tools. */
function isSame({ agent, servers, stops }: Seen, { caller }: OpenStream, view: BrokerView): boolean {
  return (
    view.agents.get(caller.agentId) === agent &&
    servers.every((server) => view.servers.get(server.id) === server) &&
    stops.length === view.stops.length &&
    stops.every((stop, index) => stop.id === view.stops[index]!.id)
  )
}
