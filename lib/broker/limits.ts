/** What a broker takes and how long it waits; tests make them smaller. */
export type Limits = {
  /** Of a request's body. */
  requestBytesMax: number
  /** Of an upstream's answer. */
  resultBytesMax: number
  /** Tools, resources or prompts on one page of a list. */
  listPageMax: number
  /** Until an upstream has answered a call. */
  callDeadlineMs: number
  /** Until an audit record is durable. */
  auditWaitMs: number
  /** Audit records that may wait to be durable at once. */
  auditQueueMax: number
  /** Older than this, the view of the registry decides nothing. */
  viewAgeMsMax: number
}

export const standardLimits: Limits = {
  requestBytesMax: 4 * 1024 * 1024,
  resultBytesMax: 32 * 1024 * 1024,
  listPageMax: 250,
  callDeadlineMs: 60_000,
  auditWaitMs: 5000,
  auditQueueMax: 10_000,
  viewAgeMsMax: 5000,
}
