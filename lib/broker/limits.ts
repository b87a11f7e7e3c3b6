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
  /** Tools, resources or prompts on one page of a list. */
  listPageMax: number
  /** Failures of an upstream in a row after which nothing is sent for a while. */
  circuitFailures: number
  /** How long that while is first, and at most when probes keep failing. */
  circuitOpenMs: number
  circuitOpenMsMax: number
  /** Until an upstream has answered a call. */
  callDeadlineMs: number
  /** Until an agent has answered what a server asks it for, and the longest a call may take with progress. */
  askDeadlineMs: number
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
  requestBytesMax: 4 * 1024 * 1024,
  requestDepthMax: 64,
  resultBytesMax: 32 * 1024 * 1024,
  streamFromBytes: 1024 * 1024,
  streamBytesMax: 256 * 1024 * 1024,
  resultDepthMax: 64,
  agentCallsPerSecond: 50,
  serverCallsPerSecond: 500,
  listPageMax: 250,
  circuitFailures: 5,
  circuitOpenMs: 5000,
  circuitOpenMsMax: 60_000,
  callDeadlineMs: 60_000,
  askDeadlineMs: 600_000,
  taskProofMs: 10_000,
  taskNameMs: 5000,
  streamMs: 600_000,
  agentStreamsMax: 64,
  auditWaitMs: 5000,
  auditQueueMax: 10_000,
  viewAgeMsMax: 5000,
}
