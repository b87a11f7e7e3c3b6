import { bindingDeadline, type BindingLimit } from '#lib/guardrails/rules/own-limits.ts'
import { type BrokerLimits, requestLimits } from '#lib/guardrails/rules/request-limits.ts'

/** What a broker takes and how long it waits; tests make them smaller. */
export type Limits = {
  /** Of a request's body. */
  requestBytesMax: number
  /** Levels of arrays and objects in it. */
  requestDepthMax: number
  /** Until the head of a request, and all of it, has come. */
  requestHeadMs: number
  requestMs: number
  /** Of the requests of one agent under way at this broker that did not come at once, and of those of all. */
  agentRequestBytesMax: number
  requestsBytesMax: number
  /** Of the answers that one agent has not read, and of those of all; and until an answer, or a part of a large one, is read. */
  agentUnreadBytesMax: number
  unreadBytesMax: number
  answerReadMs: number
  /** Of an upstream's answer that is held in memory. */
  resultBytesMax: number
  /** A longer result is passed on while it arrives, where nothing has to be judged before. */
  streamFromBytes: number
  /** Of a result that is passed on so. */
  streamBytesMax: number
  resultDepthMax: number
  /** Calls of one agent, and calls to one server, that this broker takes; four seconds' worth at once. 0: no limit. */
  agentCallsPerSecond: number
  serverCallsPerSecond: number
  /** Calls of one agent, and to one server, that are under way at this broker. 0: no limit. */
  agentCallsAtOnce: number
  serverCallsAtOnce: number
  /** Calls of one agent that wait for a person, at all brokers, and their bytes together. */
  agentWaitingMax: number
  agentWaitingBytesMax: number
  /** Bytes of all calls that wait at this broker. */
  waitingBytesMax: number
  /** Of answers too large to be held without counting, all together. */
  heldBytesMax: number
  /** Of the list of tools of one server while the broker reads it, and of all such lists together. */
  toolListBytesMax: number
  toolListsBytesMax: number
  /** Tools on one page of a list. */
  listPageMax: number
  /** Until one server of several has answered with its part of a list. */
  listDeadlineMs: number
  /** Failures of an upstream in a row after which nothing is sent for a while. */
  circuitFailures: number
  /** How long that while is first, and at most when probes keep failing. */
  circuitOpenMs: number
  circuitOpenMsMax: number
  /** Until an upstream has answered a call. */
  callDeadlineMs: number
  /** Until an agent has answered what a server asks it for, and the longest a call may take with progress or while its large result moves. */
  askDeadlineMs: number
  /** How long the state is good with which an agent goes on with a call that asked for input. */
  stateMs: number
  /** Until a server that was told to cancel a task has said that it is over. */
  taskProofMs: number
  /** Until it is known under which id an agent knows a task that its server tells of. */
  taskNameMs: number
  /** How long a stream that no call began stays open; its agent opens it again. */
  streamMs: number
  /** Such streams of one agent, and its calls that wait for an answer of it, at once. */
  agentStreamsMax: number
  /** Servers that such streams of one agent at the merged endpoint listen to at once: each costs a connection, and at a server with sessions a session. */
  agentListenersMax: number
  /** Until an audit record is durable. */
  auditWaitMs: number
  /** Audit records that may wait to be durable at once. */
  auditQueueMax: number
  /** Older than this, the view of the registry decides nothing. */
  viewAgeMsMax: number
  /** Longer ago, what was noted of who has spent too much lets no call through that costs something; 0: for ever. */
  spendingAgeMsMax: number
}

export const standardLimits: Limits = {
  ...requestLimits,
  requestHeadMs: 10_000,
  requestMs: 60_000,
  agentRequestBytesMax: 32 * 1024 * 1024,
  requestsBytesMax: 256 * 1024 * 1024,
  agentUnreadBytesMax: 64 * 1024 * 1024,
  unreadBytesMax: 256 * 1024 * 1024,
  answerReadMs: 60_000,
  resultBytesMax: 32 * 1024 * 1024,
  streamFromBytes: 1024 * 1024,
  streamBytesMax: 256 * 1024 * 1024,
  agentCallsPerSecond: 50,
  serverCallsPerSecond: 500,
  agentCallsAtOnce: 128,
  serverCallsAtOnce: 1024,
  // What is parsed is many times as long in memory.
  agentWaitingMax: 128,
  agentWaitingBytesMax: 8 * 1024 * 1024,
  waitingBytesMax: 64 * 1024 * 1024,
  heldBytesMax: 128 * 1024 * 1024,
  toolListBytesMax: 16 * 1024 * 1024,
  toolListsBytesMax: 64 * 1024 * 1024,
  listPageMax: 250,
  listDeadlineMs: 10_000,
  circuitFailures: 5,
  circuitOpenMs: 5000,
  circuitOpenMsMax: 60_000,
  askDeadlineMs: 600_000,
  stateMs: 3_600_000,
  taskProofMs: 10_000,
  taskNameMs: 5000,
  streamMs: 600_000,
  agentStreamsMax: 64,
  agentListenersMax: 256,
  auditWaitMs: 5000,
  auditQueueMax: 10_000,
  viewAgeMsMax: 5000,
  spendingAgeMsMax: 300_000,
}

/** Those that a simulation knows. */
export function simulatedLimits({ agentCallsPerSecond, serverCallsPerSecond, ...limits }: Limits): BrokerLimits {
  const { requestBytesMax, requestDepthMax, resultBytesMax, streamBytesMax, resultDepthMax } = limits
  const { callDeadlineMs, spendingAgeMsMax } = limits
  const known = { requestBytesMax, requestDepthMax, resultBytesMax, streamBytesMax, resultDepthMax }
  return { agent: agentCallsPerSecond, server: serverCallsPerSecond, callDeadlineMs, spendingAgeMsMax, ...known }
}

type OfCall = { readonly server: OwnTimes; readonly agent: OwnTimes }
type OwnTimes = { readonly callDeadlineSeconds?: number | null }

/** How long a server has for a call, in milliseconds, and whose limit that is. */
export function deadlineOf(limits: Pick<Limits, 'callDeadlineMs'>, { server, agent }: OfCall): BindingLimit {
  return bindingDeadline(limits, { server: server.callDeadlineSeconds, agent: agent.callDeadlineSeconds })
}

type OwnLimits = { readonly resultBytesMax?: number | null; readonly resultDepthMax?: number | null }
const remembered = new WeakMap<OwnLimits, Limits>()
/** By server, and then by agent: of both there is a new object when one of their limits changes. */
const ofCalls = new WeakMap<OwnLimits, WeakMap<OwnLimits, Limits>>()

/** The limits of results that an agent is given of one server: the lowest of the agent's, the server's and the broker's. */
export function limitsFor(limits: Limits, { server, agent }: OfResult): Limits {
  const ofServer = limitsOf(limits, server)
  if (typeof agent.resultBytesMax !== 'number' && typeof agent.resultDepthMax !== 'number') return ofServer
  let ofAgents = ofCalls.get(server)
  if (!ofAgents) ofCalls.set(server, (ofAgents = new WeakMap<OwnLimits, Limits>()))
  let narrowed = ofAgents.get(agent)
  if (!narrowed) ofAgents.set(agent, (narrowed = narrow(ofServer, agent)))
  return narrowed
}

type OfResult = { readonly server: OwnLimits; readonly agent: OwnLimits }

/** The limits of results of one server: its own where they are lower than the broker's. */
export function limitsOf(limits: Limits, own: OwnLimits): Limits {
  if (typeof own.resultBytesMax !== 'number' && typeof own.resultDepthMax !== 'number') return limits
  let narrowed = remembered.get(own)
  if (!narrowed) remembered.set(own, (narrowed = narrow(limits, own)))
  return narrowed
}

function narrow(limits: Limits, own: OwnLimits): Limits {
  const { resultBytesMax, resultDepthMax, streamFromBytes, streamBytesMax } = limits
  const bytes = own.resultBytesMax ?? Number.POSITIVE_INFINITY
  return {
    ...limits,
    resultBytesMax: Math.min(resultBytesMax, bytes),
    // So little is held, and refused as a whole. Of more, what says how long it is, is refused so; the rest is broken off where it is too long.
    streamFromBytes: bytes <= streamFromBytes ? 0 : streamFromBytes,
    streamBytesMax: Math.min(streamBytesMax, bytes),
    resultDepthMax: Math.min(resultDepthMax, own.resultDepthMax ?? resultDepthMax),
  }
}
