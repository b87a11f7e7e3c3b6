import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Log } from '#lib/log/log.ts'
import type { AskedRequest, FromThread, GivenAnswer, ThreadSettings, ToThread } from './messages.ts'

/** Also the first question to a fleet of 100,000 is answered by then; the index is built for it. */
const answerMs = 120_000
const waitingMax = 64
const closeMs = 5000

type Waiting = { resolve: (answer: GivenAnswer) => void; timer: NodeJS.Timeout }

/** The thread in which people's questions are answered: begun with the first one, and anew after it has failed. */
export class RegistryThread {
  readonly #settings: ThreadSettings
  readonly #log: Log
  #worker: Worker | null = null
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  constructor(settings: ThreadSettings, log: Log) {
    this.#settings = settings
    this.#log = log
  }

  /** Never rejects: what cannot be answered is 503. */
  ask(request: AskedRequest): Promise<GivenAnswer> {
    if (this.#waiting.size >= waitingMax) return Promise.resolve(unavailable('Too many questions wait already.'))
    const worker = (this.#worker ??= this.#begin())
    const id = (this.#last += 1)
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(id, unavailable('The registry did not answer in time.')), answerMs)
      this.#waiting.set(id, { resolve, timer })
      tell(worker, { id, request })
    })
  }

  /** Lets what is asked be answered first, for a while. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const until = performance.now() + closeMs
    while (this.#waiting.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
    const ended = once(worker, 'exit')
    tell(worker, 'close')
    const timer = setTimeout(() => void worker.terminate(), closeMs)
    await ended
    clearTimeout(timer)
  }

  #begin(): Worker {
    const worker = new Worker(new URL('./thread-main.ts', import.meta.url), {
      workerData: this.#settings,
      execArgv: [],
    })
    worker.on('message', ({ id, answer }: FromThread) => this.#settle(id, answer))
    worker.on('error', (error) => this.#log.error({ err: error }, 'the thread of the registry failed'))
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = null
      for (const id of this.#waiting.keys()) this.#settle(id, unavailable('The registry cannot answer now.'))
    })
    return worker
  }

  #settle(id: number, answer: GivenAnswer): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    waiting.resolve(answer)
  }
}

function tell(worker: Worker, message: ToThread): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  worker.postMessage(message)
}

function unavailable(message: string): GivenAnswer {
  const error = { code: -32000, message: `${message} Try again shortly.` }
  const headers = { 'content-type': 'application/json', 'retry-after': '5' }
  return { status: 503, headers, body: JSON.stringify({ jsonrpc: '2.0', id: null, error }) }
}
