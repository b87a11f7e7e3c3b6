import { type BrokerLimits, requestLimits } from '#lib/guardrails/rules/request-limits.ts'

/** What a broker takes and how long it waits; tests make them smaller. */
export type Limits = {
  /** Of a request's body. */
  requestBytesMax: number
  /** Levels of arrays and objects in it. */
  requestDepthMax: number
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
  /** Of answers too large to be held without counting, all together. */
  heldBytesMax: number
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
  /** Until an agent has answered what a server asks it for, and the longest a call may take with progress. */
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
  /** Until an audit record is durable. */
  auditWaitMs: number
  /** Audit records that may wait to be durable at once. */
  auditQueueMax: number
  /** Older than this, the view of the registry decides nothing. */
  viewAgeMsMax: number
}

export const standardLimits: Limits = {
  ...requestLimits,
  resultBytesMax: 32 * 1024 * 1024,
  streamFromBytes: 1024 * 1024,
  streamBytesMax: 256 * 1024 * 1024,
  agentCallsPerSecond: 50,
  serverCallsPerSecond: 500,
  agentCallsAtOnce: 128,
  serverCallsAtOnce: 1024,
  heldBytesMax: 128 * 1024 * 1024,
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
  auditWaitMs: 5000,
  auditQueueMax: 10_000,
  viewAgeMsMax: 5000,
}

/** Those that a simulation knows. */
export function simulatedLimits({ agentCallsPerSecond, serverCallsPerSecond, ...limits }: Limits): BrokerLimits {
  const { requestBytesMax, requestDepthMax, resultBytesMax, streamBytesMax, resultDepthMax, callDeadlineMs } = limits
  const known = { requestBytesMax, requestDepthMax, resultBytesMax, streamBytesMax, resultDepthMax, callDeadlineMs }
  return { agent: agentCallsPerSecond, server: serverCallsPerSecond, ...known }
}

/** The longest a server may be given by its own limit. */
export const callDeadlineMsMax = 600_000

/** How long a server has for a call: as long as it is given, else as long as any other. */
export function deadlineOf(
  { callDeadlineMs }: Pick<Limits, 'callDeadlineMs'>,
  { callDeadlineSeconds }: { readonly callDeadlineSeconds: number | null },
): number {
  return callDeadlineSeconds === null ? callDeadlineMs : Math.min(callDeadlineSeconds * 1000, callDeadlineMsMax)
}

type OwnLimits = { readonly resultBytesMax: number | null; readonly resultDepthMax: number | null }
const remembered = new WeakMap<OwnLimits, Limits>()

/** The limits of results of one server: its own where they are lower than the broker's. */
export function limitsOf(limits: Limits, own: OwnLimits): Limits {
  if (own.resultBytesMax === null && own.resultDepthMax === null) return limits
  let narrowed = remembered.get(own)
  if (!narrowed) {
    const { resultBytesMax, resultDepthMax, streamBytesMax } = limits
    const bytes = own.resultBytesMax ?? Number.POSITIVE_INFINITY
    narrowed = {
      ...limits,
      resultBytesMax: Math.min(resultBytesMax, bytes),
      // What is too large then is refused as a whole, and not begun.
      streamFromBytes: bytes <= limits.streamFromBytes ? 0 : limits.streamFromBytes,
      streamBytesMax: Math.min(streamBytesMax, bytes),
      resultDepthMax: Math.min(resultDepthMax, own.resultDepthMax ?? resultDepthMax),
    }
    remembered.set(own, narrowed)
  }
  return narrowed
}
