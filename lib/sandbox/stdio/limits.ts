import type { SandboxLimits } from '../driver.ts'

/** What a hosted server may take and how long is waited for it; tests make them smaller. */
export type StdioLimits = {
  /** Processes of all servers at once. */
  processesMax: number
  /** Requests under way in one process. */
  requestsMax: number
  /** Of a request from the broker. */
  requestBytesMax: number
  /** Of one line a server writes that is held in memory. */
  lineBytesMax: number
  /** A longer answer is passed on while it comes, where it can be told whose it is; and how long that one may be. */
  streamFromBytes: number
  streamBytesMax: number
  /** Of answers on the disk, of which nobody knows yet whose they are, in all processes together. */
  spoolBytesMax: number
  /** Of what is sent to a process and not read by it yet: with more than that waiting it is sent nothing, and ended. */
  inputBytesMax: number
  /** What a process may write to nobody (garbage, unknown replies, what nobody has to answer, standard error) within `floodMs`. */
  floodBytesMax: number
  floodMs: number
  /** What waits for readers that are slow, before reading from the process stops; and how long it may stand still then. */
  backlogBytesMax: number
  stallMs: number
  /** Until a server has answered the first question, which the older ones do not know; and until it can be used. */
  probeMs: number
  startMs: number
  /** For one request, unless its server is given longer; that, and how much longer than the broker waits for it, whose own deadline comes first. */
  requestMs: number
  marginMs: number
  /** Since a request came, when it asks its caller for something or reports progress: longer than the broker waits for the answer. */
  askMs: number
  /** After a request ran into its deadline: until the process has said that it is alive. */
  pingMs: number
  /** Between closing its input and ending it. */
  stopMs: number
  /** Without a request for this long, a process is ended. */
  idleMs: number
  /** A restart waits this long, twice as long after each failure in a row, up to the maximum. */
  backoffMs: number
  backoffMsMax: number
  /** So many failures in a row are a crash loop: then only a request starts it again, when its time has come. */
  crashLoopFailures: number
  /** Running for this long, and earlier failures are forgotten. */
  stableMs: number
  /** A request waits this long for a restart that is due soon. */
  patienceMs: number
  sandbox: SandboxLimits
}

const mebibyte = 1 << 20

export const standardLimits: StdioLimits = {
  processesMax: 64,
  requestsMax: 64,
  requestBytesMax: 8 * mebibyte,
  lineBytesMax: 32 * mebibyte,
  streamFromBytes: mebibyte,
  streamBytesMax: 256 * mebibyte,
  spoolBytesMax: 1024 * mebibyte,
  inputBytesMax: 64 * mebibyte,
  floodBytesMax: 16 * mebibyte,
  floodMs: 10_000,
  backlogBytesMax: 16 * mebibyte,
  stallMs: 15_000,
  probeMs: 3000,
  startMs: 30_000,
  requestMs: 90_000,
  marginMs: 30_000,
  askMs: 630_000,
  pingMs: 5000,
  stopMs: 2000,
  idleMs: 600_000,
  backoffMs: 500,
  backoffMsMax: 60_000,
  crashLoopFailures: 5,
  stableMs: 60_000,
  patienceMs: 3000,
  sandbox: {
    memoryBytes: 576 * mebibyte,
    processes: 144,
    cpus: 1,
    diskBytes: 256 * mebibyte,
    scratchBytes: 64 * mebibyte,
    openFiles: 1024,
    fileBytes: 256 * mebibyte,
    // It lives for days; its share of the processor is bounded by `cpus`.
    cpuSeconds: 10_000_000,
  },
}
