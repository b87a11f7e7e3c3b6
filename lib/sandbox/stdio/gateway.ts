import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseJson } from '#lib/core/parse-json.ts'
import { openTicket, type StdioTicket } from '#lib/core/stdio-ticket.ts'
import type { Log } from '#lib/log/log.ts'
import { type ClientSession, uriLengthMax, urisMax } from './client-sessions.ts'
import { Deadline } from './deadline.ts'
import { Exchange, readBody } from './exchange.ts'
import type { HostedProcess, Usable } from './hosted-process.ts'
import type { StdioLimits } from './limits.ts'
import { isRecord } from '#lib/core/is-record.ts'
import { errorCode, errorMessage, kindOf, type Message, metaOf, StdioFailure } from './messages.ts'
import type { Caller } from './multiplexer.ts'
import { modernVersion } from './opening.ts'

type Parts = {
  /** Opens tickets; null: nobody has one. */
  ticketKey: string | null
  limits: StdioLimits
  log: Log
  /** The process of a ticket; rejects with `StdioFailure` when it may not run now. */
  find: (ticket: StdioTicket) => Promise<HostedProcess>
  /** Whether a process serves nobody, but says what its server offers. */
  isForListing: (ticket: StdioTicket) => boolean
  deadlineOf: (ticket: StdioTicket) => number
  /** Told with a failure; null: to nobody. */
  lastWordsOf: (ticket: StdioTicket) => readonly string[] | null
  onAnswered: (outcome: 'answered' | 'failed' | 'cancelled') => void
}
type Place = {
  process: HostedProcess
  usable: Usable
  request: IncomingMessage
  response: ServerResponse
  deadlineMs: number
}

const listing =
  /^(?:initialize|ping|server\/discover|(?:tools|prompts|resources|resources\/templates)\/list|subscriptions\/listen|notifications\/.+)$/
const sessionHeader = 'mcp-session-id'
const path = /^\/mcp\/([a-z0-9-]{1,63})\/([A-Za-z0-9:-]{1,100})$/

/**
 * Servers over stdio, as servers over Streamable HTTP: `/mcp/{server}/{process}` for whoever holds a ticket, which is the broker. A
 * server of 2026-07-28 is passed on as it is; one of an older revision gets sessions here.
 */
export class StdioGateway {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whether the address is one of these at all. */
  static takes(url: string | undefined): boolean {
    return url?.startsWith('/mcp/') === true
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ticket = this.#ticketOf(request)
    if (!ticket) return new Exchange(response).close(401)
    let id: unknown
    try {
      const { method = '' } = request
      if (!['POST', 'GET', 'DELETE'].includes(method)) return new Exchange(response).close(405)
      const text = method === 'POST' ? await readBody(request, this.#parts.limits.requestBytesMax) : ''
      if (text === null) return new Exchange(response).close(413)
      const message = method === 'POST' ? parse(text) : null
      if (message) id = message['id']
      if (method === 'POST' && !kindOf(message)) {
        const error = { code: errorCode.invalidRequest, message: 'Send one JSON-RPC message.' }
        return new Exchange(response).finish(errorMessage(null, error), 400)
      }
      const process = await this.#parts.find(ticket)
      // Whoever asked may have left while it was looked for, which is said once: nobody uses it then.
      if (isLeft(response)) return this.#parts.onAnswered('cancelled')
      if (message && this.#parts.isForListing(ticket) && !listing.test(String(message['method']))) {
        // What one caller says to this process another could hear: theirs are divided.
        throw new StdioFailure('process_unavailable', 'this process of it only says what it offers')
      }
      const leave = process.enter()
      response.once('close', leave)
      const deadlineMs = this.#parts.deadlineOf(ticket)
      const place = { process, usable: await process.use(), request, response, deadlineMs }
      // A call that was ended while its process was started is not begun.
      if (isLeft(response)) return this.#parts.onAnswered('cancelled')
      if (message) await this.#post(place, message)
      else this.#rest(place, method)
    } catch (error) {
      const failure = error instanceof StdioFailure ? error : null
      if (!failure) this.#parts.log.error({ err: error, server: ticket.serverId }, 'a request to a server failed')
      const said = failure ?? new StdioFailure('process_unavailable', 'the sandbox service failed')
      this.#parts.onAnswered('failed')
      new Exchange(response).fail(said, { id, status: 503, stderr: this.#parts.lastWordsOf(ticket) })
    }
  }

  #ticketOf(request: IncomingMessage): StdioTicket | null {
    const [, serverId, key] = path.exec(request.url?.split('?')[0] ?? '') ?? []
    const sealed = /^Bearer ([A-Za-z0-9_-]+)$/.exec(request.headers.authorization ?? '')?.[1]
    const { ticketKey } = this.#parts
    if (!serverId || !key || !sealed || ticketKey === null) return null
    return openTicket(ticketKey, sealed, { serverId, key })
  }

  async #post(place: Place, message: Message): Promise<void> {
    const { usable, response } = place
    const { opening } = usable
    if (opening.era === 'modern') {
      if (kindOf(message) !== 'request') return new Exchange(response).close()
      if (!isModern(message)) return refuseVersion(response, message, [modernVersion])
      const session = {}
      await this.#forward(place, message, { session, answers: () => false })
      return
    }
    if (isModern(message)) return refuseVersion(response, message, [opening.version])
    if (message['method'] === 'initialize') {
      const params = isRecord(message['params']) ? message['params'] : {}
      const session = usable.sessions.open(params['capabilities'])
      const reply = { jsonrpc: '2.0', id: message['id'], result: opening.initialized }
      return new Exchange(response, { [sessionHeader]: session.id }).finish(reply)
    }
    const session = this.#sessionOf(place)
    if (session) await this.#inSession(place, message, session)
  }

  async #inSession(place: Place, message: Message, session: ClientSession): Promise<void> {
    const { program, sessions } = place.usable
    const exchange = new Exchange(place.response)
    const kind = kindOf(message)
    if (kind === 'response') return exchange.close(program.multiplexer.answer(message, session) ? 202 : 404)
    const params = isRecord(message['params']) ? message['params'] : {}
    if (kind === 'notification') {
      if (message['method'] === 'notifications/cancelled') {
        session.running.get(params['requestId'])?.(new StdioFailure('process_unavailable', 'it was cancelled'))
      }
      return exchange.close()
    }
    const uri = String(params['uri'])
    if (message['method'] === 'resources/subscribe' && !sessions.subscribe(session, uri)) {
      const words = `A session may watch ${urisMax} resources, each with a uri of at most ${uriLengthMax} characters.`
      return exchange.finish(errorMessage(message['id'], { code: errorCode.invalidParams, message: words }))
    }
    if (message['method'] === 'resources/unsubscribe') {
      session.subscriptions.delete(uri)
      if (sessions.isWantedByOthers(uri, session)) {
        return exchange.finish({ jsonrpc: '2.0', id: message['id'], result: {} })
      }
    }
    const who = { session, answers: (method: string) => canAnswer(session, method) }
    const isDone = await this.#forward(place, message, who, session)
    // What the server does not let it watch it hears nothing of, whatever others watch.
    if (message['method'] === 'resources/subscribe' && !isDone) session.subscriptions.delete(uri)
  }

  /**
   * Sends a request to the server and gives back what comes; ends at its deadline, and when a client of the newer revision leaves. False when there
   * is no result.
   */
  async #forward(
    place: Place,
    message: Message,
    who: Omit<Caller, 'onMessage'>,
    session?: ClientSession,
  ): Promise<boolean> {
    const { program } = place.usable
    const { limits, onAnswered } = this.#parts
    if (program.multiplexer.pending >= limits.requestsMax) {
      throw new StdioFailure('process_busy', `it has ${limits.requestsMax} requests under way already`, 1000)
    }
    const isListening = message['method'] === 'subscriptions/listen'
    const deadline = new Deadline(place.deadlineMs)
    const exchange = new Exchange(place.response)
    exchange.watchedBy(program.backlog)
    const caller = {
      ...who,
      onMessage: (said: Message) => {
        if (kindOf(said) === 'request' || said['method'] === 'notifications/progress') deadline.extend(limits.askMs)
        exchange.event(said)
      },
      ...(isListening ? {} : { stream: () => (exchange.isClosed ? null : exchange.result(message['id'])) }),
    }
    const { reply, cancel } = program.multiplexer.call(message, caller)
    session?.running.set(message['id'], cancel)
    if (!session) place.response.once('close', () => cancel(new StdioFailure('process_unavailable', 'nobody waits')))
    if (!isListening) deadline.begin(cancel)
    try {
      const whole = await reply
      if (whole) exchange.finish(whole)
      onAnswered('answered')
      return !whole?.['error']
    } catch (error) {
      if (!(error instanceof StdioFailure)) throw error
      onAnswered(exchange.isClosed ? 'cancelled' : 'failed')
      exchange.fail(error, { id: message['id'], status: error.rule === 'process_unavailable' ? 503 : 200 })
      if (error === deadline.late) await place.process.suspect(place.usable)
      return false
    } finally {
      deadline.end()
      session?.running.delete(message['id'])
    }
  }

  #rest(place: Place, method: string): void {
    const { usable, response } = place
    const exchange = new Exchange(response)
    if (usable.opening.era === 'modern') return exchange.close(405)
    const session = this.#sessionOf(place)
    if (!session) return
    if (method === 'DELETE') {
      usable.sessions.remove(session.id)
      return exchange.close(200)
    }
    exchange.watchedBy(usable.program.backlog)
    exchange.stream()
    const stream = (message: Message): void => exchange.event(message)
    session.stream = stream
    const over = usable.sessions.streaming(() => exchange.close())
    response.once('close', () => {
      over()
      if (session.stream === stream) session.stream = null
    })
  }

  /** Answers itself when there is none. */
  #sessionOf({ usable, request, response }: Place): ClientSession | undefined {
    const id = request.headers[sessionHeader]
    const session = typeof id === 'string' ? usable.sessions.get(id) : undefined
    if (!session) new Exchange(response).close(id === undefined ? 400 : 404)
    return session
  }
}

function isLeft(response: ServerResponse): boolean {
  return response.closed || response.destroyed
}

function isModern(message: Message): boolean {
  return metaOf(message)['io.modelcontextprotocol/protocolVersion'] !== undefined
}

function canAnswer(session: ClientSession, method: string): boolean {
  if (method === 'elicitation/create') return session.capabilities['elicitation'] !== undefined
  return method === 'sampling/createMessage' && session.capabilities['sampling'] !== undefined
}

function refuseVersion(response: ServerResponse, message: Message, supported: string[]): void {
  const data = { supported, requested: metaOf(message)['io.modelcontextprotocol/protocolVersion'] ?? 'unknown' }
  const error = { code: errorCode.unsupportedVersion, message: 'Unsupported protocol version', data }
  new Exchange(response).finish(errorMessage(message['id'], error), 400)
}

function parse(text: string): Message | null {
  try {
    const value: unknown = parseJson(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}
