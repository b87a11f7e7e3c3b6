import { LargeResult, type LineSink, type ResultSink, resultIn } from './large-result.ts'
import type { LongLine } from './lines.ts'
import { parseJson } from '#lib/core/parse-json.ts'
import { isRecord } from '#lib/core/is-record.ts'
import { errorCode, errorMessage, kindOf, type Message, metaOf, StdioFailure, withMeta } from './messages.ts'
import type { StreamRedactor } from './redaction.ts'
import type { Spool } from './spool.ts'

/** Who a request is of: one session of the older revisions, or one HTTP exchange of the newer. Nobody else hears of it. */
export type Caller = {
  session: object
  /** What the server says while the request is under way: notifications, and requests of its own. */
  onMessage: (message: Message) => void
  /** Where a result goes that is too large to hold; without it, or null: nowhere. */
  stream?: () => ResultSink | null
  /** Requests of the server that the caller can answer, e.g. `elicitation/create`. */
  answers: (method: string) => boolean
}

type Call = {
  id: number
  /** Nothing but what its server tells comes back. */
  isListening: boolean
  originalId: unknown
  progressToken: unknown
  caller: Caller
  resolve: (reply: Message | null) => void
  reject: (error: Error) => void
}
/** A request of the server that a caller is to answer. */
type Asked = { serverId: unknown; call: Call }

type Options = {
  send: (line: string) => void
  /** Bytes that were for nobody. */
  onStray: (bytes: number, what: string) => void
  /** Changes of the server's lists and of a resource, which belong to no request in the revisions before 2026-07-28. */
  onChange: (message: Message) => void
  /** The line was too long and nobody can say whose it was. */
  onLost: (line: LongLine) => void
  /** Only one agent calls this process, in whatever sessions. */
  isOneAgents: boolean
  /** How long what was given up may still be at work, and speak. */
  lingerMs: number
  /** Of results that are passed on while they come. */
  streams: {
    bytesMax: number
    redactor: () => StreamRedactor
    /** For one of which nobody knows yet whose it is; null: there is no room. */
    spool: () => Spool | null
    /** How long whoever it is for may read nothing of it. */
    stallMs: number
  }
}

/** Calls that were given up and are remembered. A large answer to an older one goes to nobody, too, but counts as said to nobody: of that a process may say so much. */
const abandonedMax = 4096
const listen = 'subscriptions/listen'
const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'
const changes = /^notifications\/(?:(?:tools|prompts|resources)\/list_changed|resources\/updated)$/

/**
 * Many callers on one pair of pipes. Each request gets a number of its own, and whatever the server says is given to the one it belongs
 * to: by that number, by the progress token, by the subscription; else to a caller where no other can be meant; else to nobody.
 */
export class Multiplexer {
  readonly #options: Options
  readonly #calls = new Map<number, Call>()
  readonly #asked = new Map<string, Asked>()
  /** Given up, and maybe answered all the same: the newest of them. */
  readonly #abandoned = new Set<number>()
  /** Of whom there were requests that were given up, and until when they may be at work; the oldest first. */
  #lingering: { session: object; until: number }[] = []
  /** There are older ones, so that an answer may be late for as long as the process runs. */
  #hasForgotten = false
  #large: LargeResult | null = null
  #lastId = 0
  #gone: Error | null = null

  constructor(options: Options) {
    this.#options = options
  }

  get pending(): number {
    return this.#calls.size
  }

  /** Sends a request; `reply` has the caller's own id, or is null when the result went to the caller's stream. `cancel` tells the server and gives up. */
  call(message: Message, caller: Caller): { reply: Promise<Message | null>; cancel: (failure: Error) => void } {
    const { promise, resolve, reject } = Promise.withResolvers<Message | null>()
    promise.catch(() => {})
    if (this.#gone) {
      reject(this.#gone)
      return { reply: promise, cancel() {} }
    }
    const id = ++this.#lastId
    const { progressToken } = metaOf(message)
    const isListening = message['method'] === listen
    const call: Call = { id, isListening, originalId: message['id'], progressToken, caller, resolve, reject }
    this.#calls.set(id, call)
    const sent = progressToken === undefined ? message : withMeta(message, { progressToken: id })
    this.#send({ ...sent, id })
    return {
      reply: promise,
      cancel: (failure) => {
        if (!this.#end(call)) return
        if (caller.stream) this.#abandon(call)
        const params = { requestId: id, reason: 'The caller has ended the request.' }
        this.#send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
        reject(failure)
      },
    }
  }

  notify(message: Message): void {
    this.#send(message)
  }

  /** Passes a caller's answer to a request of the server on; false when nobody asked that caller. */
  answer(message: Message, session: object): boolean {
    const key = String(message['id'])
    const asked = this.#asked.get(key)
    if (!asked || asked.call.caller.session !== session) return false
    this.#asked.delete(key)
    this.#send({ ...message, id: asked.serverId })
    return true
  }

  receive(line: string): void {
    const message = parse(line)
    const kind = kindOf(message)
    if (!message || !kind) return this.#options.onStray(line.length, 'a line that is no JSON-RPC message')
    if (kind === 'response') return this.#reply(message, line.length)
    if (kind === 'request') return this.#ask(message, line.length)
    this.#hear(message, line.length)
  }

  /** The line is gone; whose it was may still be seen at one of its ends, where libraries write the id. */
  receiveLong(line: LongLine): void {
    const id =
      /^\{(?:"jsonrpc":\s*"2\.0",\s*)?"id":\s*(\d+),/.exec(line.head)?.[1] ??
      /,\s*"id":\s*(\d+)(?:,\s*"jsonrpc":\s*"2\.0")?\}\s*$/.exec(line.tail)?.[1]
    const call = id === undefined ? undefined : this.#calls.get(Number(id))
    if (!call || !this.#end(call)) return this.#options.onLost(line)
    call.reject(new StdioFailure('result_too_large', `it answers with a line of ${line.bytes} bytes`))
  }

  /**
   * A result that is too large to hold begins: passed on while it comes, if its request is known. Where the id comes last, that is the only
   * one under way, and only as long as none was given up: its late answer must not go to somebody else. Else it goes to the disk until its id has come.
   */
  receiveLarge(begin: Buffer): LineSink | null {
    const found = resultIn(begin)
    const call = found && (found.id === null ? this.#onlyCall() : this.#calls.get(found.id))
    if (found && found.id === null && !call) return this.#spool(begin.subarray(found.at))
    const sink = call?.caller.stream?.()
    if (!found || !call || !sink || !this.#end(call)) return null
    const { bytesMax, redactor } = this.#options.streams
    const onEnd = (failure: StdioFailure | null): void => {
      this.#large = null
      if (failure) call.reject(failure)
      else call.resolve(null)
    }
    this.#large = new LargeResult({ id: call.id, bytesMax, redactor: redactor(), sink, onEnd })
    this.#large.write(begin.subarray(found.at))
    return this.#large
  }

  #spool(begin: Buffer): LineSink | null {
    const { redactor, spool: open, stallMs } = this.#options.streams
    const mayBeWanted = this.#mayBeLate || [...this.#calls.values()].some(({ caller }) => caller.stream)
    const spool = mayBeWanted ? open() : null
    if (!spool) return null
    const onEnd = (_: StdioFailure | null, id: number | null): void => {
      this.#large = null
      const call = id === null ? undefined : this.#calls.get(id)
      if (!call || !this.#end(call)) {
        // Somebody wanted it, and gave up.
        const isLate = id !== null && this.#abandoned.delete(id)
        if (!isLate) this.#options.onStray(spool.bytes, 'an answer that nobody waits for')
        return spool.close()
      }
      const sink = spool.isTorn ? undefined : call.caller.stream?.()
      if (!sink) {
        spool.close()
        return call.reject(new StdioFailure('result_too_large', 'its answer is too large to be kept'))
      }
      spool.passTo(sink, { stallMs }).then(
        () => call.resolve(null),
        () => call.reject(new StdioFailure('process_unavailable', 'its answer could not be passed on')),
      )
    }
    // How much is kept the spool says: what is longer is read on for a while all the same, since its end says whose it is.
    const bytesMax = 4 * this.#options.streams.bytesMax
    this.#large = new LargeResult({ id: null, bytesMax, redactor: redactor(), sink: spool, onEnd })
    this.#large.write(begin)
    return this.#large
  }

  #abandon({ id, caller: { session } }: Call): void {
    this.#stillAtWork()
    this.#lingering.push({ session, until: performance.now() + this.#options.lingerMs })
    this.#abandoned.add(id)
    if (this.#abandoned.size <= abandonedMax) return
    const [oldest] = this.#abandoned
    this.#abandoned.delete(oldest!)
    this.#hasForgotten = true
  }

  /** Whether an answer that does not say at its beginning whose it is may be of a call that was given up. */
  get #mayBeLate(): boolean {
    return this.#hasForgotten || this.#abandoned.size > 0
  }

  #onlyCall(): Call | undefined {
    if (this.#mayBeLate) return undefined
    // What has no stream is answered in few words.
    const calls = [...this.#calls.values()].filter(({ caller }) => caller.stream)
    return calls.length === 1 ? calls[0] : undefined
  }

  /** The process is gone. */
  fail(error: Error): void {
    this.#gone = error
    this.#large?.fail(new StdioFailure('process_unavailable', error.message))
    for (const call of this.#calls.values()) call.reject(error)
    this.#calls.clear()
    this.#asked.clear()
  }

  #reply(message: Message, bytes: number): void {
    if (typeof message['id'] === 'number') this.#abandoned.delete(message['id'])
    const call = typeof message['id'] === 'number' ? this.#calls.get(message['id']) : undefined
    if (!call || !this.#end(call)) return this.#options.onStray(bytes, 'an answer that nobody waits for')
    call.resolve({ ...message, id: call.originalId })
  }

  #hear(message: Message, bytes: number): void {
    const method = String(message['method'])
    const params = isRecord(message['params']) ? message['params'] : {}
    const subscription = metaOf(message)[subscriptionKey]
    if (subscription !== undefined) {
      const call = this.#byNumber(subscription)
      if (!call) return this.#options.onStray(bytes, 'a notification of no subscription')
      return call.caller.onMessage(withMeta(message, { [subscriptionKey]: call.originalId }))
    }
    if (method === 'notifications/progress') {
      const call = this.#byNumber(params['progressToken'])
      if (!call || call.progressToken === undefined) return this.#options.onStray(bytes, 'progress of no request')
      return call.caller.onMessage({ ...message, params: { ...params, progressToken: call.progressToken } })
    }
    if (method === 'notifications/cancelled') return this.#cancelled(message, params)
    if (changes.test(method)) return this.#options.onChange(message)
    const call = this.#onlyAgentsCall()
    if (call) return call.caller.onMessage(message)
    this.#options.onStray(bytes, 'notifications that belong to no request')
  }

  /** A subscription that the server ends, or a request of its own that it takes back. */
  #cancelled(message: Message, params: Message): void {
    for (const [key, { serverId, call }] of this.#asked) {
      if (serverId !== params['requestId']) continue
      this.#asked.delete(key)
      return call.caller.onMessage({ ...message, params: { ...params, requestId: key } })
    }
    // Its numbers of its own requests are not those of its clients'.
    const call = this.#byNumber(params['requestId'])
    if (!call?.isListening || !this.#end(call)) return
    call.caller.onMessage({ ...message, params: { ...params, requestId: call.originalId } })
    call.resolve({ jsonrpc: '2.0', id: call.originalId, result: {} })
  }

  /** A server asks something. It does not say for which request, so it is answered only when there is no doubt. What is answered here was for nobody: of that there may be so much. */
  #ask(message: Message, bytes: number): void {
    const { id, method } = message
    if (method === 'ping') {
      this.#options.onStray(bytes, 'pings')
      return this.#send({ jsonrpc: '2.0', id, result: {} })
    }
    const call = this.#soleCall()
    if (!call?.caller.answers(String(method))) {
      this.#options.onStray(bytes, 'questions that nobody can answer')
      const reason = call
        ? 'The client of this request does not offer that.'
        : 'Several clients are served: whom this is for cannot be told.'
      return this.#send(errorMessage(id, { code: errorCode.methodNotFound, message: reason }))
    }
    const key = `asked-${++this.#lastId}`
    this.#asked.set(key, { serverId: id, call })
    call.caller.onMessage({ ...message, id: key })
  }

  /** The newest request, if all that may be at work are of one session. */
  #soleCall(): Call | undefined {
    const calls = [...this.#calls.values()]
    const last = calls.at(-1)
    if (!last) return undefined
    const { session } = last.caller
    if (calls.some(({ caller }) => caller.session !== session)) return undefined
    const isMeant = this.#options.isOneAgents || this.#stillAtWork().every((each) => each.session === session)
    return isMeant ? last : undefined
  }

  /** Whose agent may hear what names no request. Agents share sessions, so of several requests none can be told to be meant, unless all are of one agent. */
  #onlyAgentsCall(): Call | undefined {
    const calls = [...this.#calls.values()].filter(({ isListening }) => !isListening)
    if (this.#options.isOneAgents) return calls.at(-1)
    return calls.length === 1 && this.#stillAtWork().length === 0 ? calls[0] : undefined
  }

  #stillAtWork(): readonly { session: object }[] {
    const now = performance.now()
    const first = this.#lingering.findIndex(({ until }) => until > now)
    if (first !== 0) this.#lingering = first < 0 ? [] : this.#lingering.slice(first)
    return this.#lingering
  }

  #byNumber(value: unknown): Call | undefined {
    // Some libraries write the number they were given as a string.
    return typeof value === 'number' || typeof value === 'string' ? this.#calls.get(Number(value)) : undefined
  }

  /** What the server asked over a request ends with it. False when it has ended already. */
  #end(call: Call): boolean {
    if (!this.#calls.delete(call.id)) return false
    for (const [key, asked] of this.#asked) {
      if (asked.call !== call) continue
      this.#asked.delete(key)
      const reason = 'The request that this belonged to has ended.'
      this.#send(errorMessage(asked.serverId, { code: errorCode.internal, message: reason }))
    }
    return true
  }

  #send(message: Message): void {
    if (!this.#gone) this.#options.send(`${JSON.stringify(message)}\n`)
  }
}

function parse(line: string): Message | null {
  try {
    const value: unknown = parseJson(line)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}
