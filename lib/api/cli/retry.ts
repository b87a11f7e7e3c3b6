import { setTimeout as sleep } from 'node:timers/promises'

/** What a connection ends with that broke after it was made: the request may have arrived. */
const brokenOff = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const pausesMs = [250, 1000]
/** So often it is asked what became of a request that still runs, once a second. */
const runningMax = 30

/**
 * Sends again what broke off, under the same idempotency key: it is executed once all the same. Nobody answering at all is not waited for.
 */
export async function sendPersistently(send: () => Promise<Response>, signal: AbortSignal): Promise<Response> {
  let broken = 0
  for (let running = 0; ; running += 1) {
    const response = await send().catch(async (error: unknown) => {
      const pause = pausesMs[broken++]
      if (pause === undefined || signal.aborted || !brokenOff.has(codeOf(error))) throw error
      await sleep(pause)
      return null
    })
    if (response && (broken === 0 || running >= runningMax || !(await stillRuns(response)))) return response
    if (response) await sleep(1000)
  }
}

/** Whether the first of the same requests is not done yet. */
async function stillRuns(response: Response): Promise<boolean> {
  if (response.status !== 409) return false
  const problem: unknown = await response
    .clone()
    .json()
    .catch(() => null)
  return typeof problem === 'object' && problem !== null && 'rule' in problem && problem.rule === 'idempotency:running'
}

function codeOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : null
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}
