import { decide, decideCaller } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller, RunFacts, StopFacts, ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { PolicySet } from '#lib/guardrails/rules/policy-set.ts'
import { mayConcern } from '#lib/guardrails/rules/stops.ts'
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

/** What the last decisions about a stream followed from. */
type Seen = {
  agent: AgentFacts | undefined
  run: RunFacts | undefined
  servers: ReadonlyMap<string, BrokeredServer | undefined>
  serversTurn: number
  stops: readonly StopFacts[]
  policies: PolicySet
  problem: string | null
  /** Then time itself may change them. */
  until: number
  tools: string
}

const hourMs = 60 * 60_000
/** So long streams are decided about before calls have their turn: after a change of the policies, of many streams each is asked about anew. */
const turnMs = 20

/**
 * The lasting streams of this replica. What the registry brings ends them or is told to them, as it ends calls. Of a stream whose agent may
 * speak, only what may have changed is decided again; what it is told meanwhile is decided about for itself.
 */
export class AgentStreams {
  readonly #open = new Map<OpenStream, Seen>()
  readonly #due = new Set<OpenStream>()
  #rest: NodeJS.Immediate | undefined

  countOf(agentId: string): number {
    let count = 0
    for (const { caller } of this.#open.keys()) if (caller.agentId === agentId) count += 1
    return count
  }

  /** How many are still to be decided about. */
  get due(): number {
    return this.#due.size
  }

  /** Call the returned function at its end. */
  add(stream: OpenStream, view: BrokerView, now: Date): () => void {
    this.#open.set(stream, look(stream, view, now))
    return () => {
      this.#open.delete(stream)
      this.#due.delete(stream)
    }
  }

  /** Ends the streams of whom would be refused now, and tells the others whose tools have changed. */
  recheck(view: BrokerView, now: Date): void {
    for (const [stream, seen] of this.#open) {
      const decision = decideCaller(stream.caller, view)
      if (!decision.ok) stream.end(decision.error)
      else if (!isSame(seen, stream, view, now)) this.#due.add(stream)
    }
    this.#decideDue(view, now)
  }

  endAll(denial: Denial | null): void {
    for (const stream of this.#open.keys()) stream.end(denial)
  }

  #decideDue(view: BrokerView, now: Date): void {
    const startedAt = performance.now()
    for (const stream of this.#due) {
      this.#due.delete(stream)
      this.#decide(stream, view, now)
      if (this.#due.size > 0 && performance.now() - startedAt > turnMs) {
        if (!this.#rest) this.#rest = setImmediate(() => this.#goOn(view, now))
        return
      }
    }
  }

  #goOn(view: BrokerView, now: Date): void {
    this.#rest = undefined
    this.#decideDue(view, now)
  }

  /** One stream that cannot be decided about ends, and keeps no other one from it. */
  #decide(stream: OpenStream, view: BrokerView, now: Date): void {
    try {
      const refusal = refusalOf(stream, view, now)
      if (refusal) return stream.end(refusal)
      const seen = this.#open.get(stream)
      const next = look(stream, view, now)
      this.#open.set(stream, next)
      if (next.tools !== seen?.tools) stream.toolsChanged()
    } catch {
      stream.end({ rule: 'policy_error', message: 'The stream could not be decided about again.' })
    }
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

function look({ caller, serverId, reads }: OpenStream, view: BrokerView, now: Date): Seen {
  const agent = view.agents.get(caller.agentId)
  const { policies, stops, serversTurn } = view
  const shown = serverId === null ? (agent?.grants ?? []) : [{ serverId }]
  const serverIds = new Set([...shown, ...reads].map((of) => of.serverId))
  return {
    agent,
    run: runOf(caller, view),
    servers: new Map([...serverIds].map((id) => [id, view.servers.get(id)])),
    serversTurn,
    stops,
    policies,
    problem: policies.problem,
    until: untilOf(agent, policies, now),
    tools: visibleTools(view, { caller, agent, serverId, now }).join('\n'),
  }
}

/** Facts are never changed in place: the same objects mean the same decisions, until their time is over. */
function isSame(seen: Seen, { caller }: OpenStream, view: BrokerView, now: Date): boolean {
  const { policies } = view
  return (
    view.agents.get(caller.agentId) === seen.agent &&
    runOf(caller, view) === seen.run &&
    policies === seen.policies &&
    policies.problem === seen.problem &&
    now.getTime() < seen.until &&
    sameServers(seen, view) &&
    sameStops(seen, caller, view)
  )
}

function sameServers(seen: Seen, { servers, serversTurn }: BrokerView): boolean {
  if (serversTurn === seen.serversTurn) return true
  for (const [id, server] of seen.servers) if (servers.get(id) !== server) return false
  seen.serversTurn = serversTurn
  return true
}

/** Whether no order began or ended that may concern the agent at one of its servers. */
function sameStops(seen: Seen, { agentId }: Caller, { stops }: BrokerView): boolean {
  if (stops === seen.stops) return true
  const isIn = (orders: readonly StopFacts[], { id }: StopFacts) => orders.some((order) => order.id === id)
  const changed = [
    ...stops.filter((order) => !isIn(seen.stops, order)),
    ...seen.stops.filter((order) => !isIn(stops, order)),
  ]
  const target = { agentId, teamId: seen.agent?.teamId ?? null, serverIds: [...seen.servers.keys()] }
  if (changed.some((order) => mayConcern(order, target))) return false
  seen.stops = stops
  return true
}

function runOf({ runId }: Caller, view: BrokerView): RunFacts | undefined {
  return runId === null ? undefined : view.runs.get(runId)
}

/** When a grant ends, or policies that look at the hour, or a month that is spent, may decide otherwise. */
function untilOf(agent: AgentFacts | undefined, { timed = true }: PolicySet, now: Date): number {
  const at = now.getTime()
  let until = timed || agent?.overBudget ? at - (at % hourMs) + hourMs : Number.POSITIVE_INFINITY
  for (const { expiresAt } of agent?.grants ?? [])
    if (expiresAt !== null && expiresAt.getTime() > at) until = Math.min(until, expiresAt.getTime())
  return until
}
