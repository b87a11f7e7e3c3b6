import { randomUUID } from 'node:crypto'
import { isRecord } from '#lib/core/is-record.ts'
import { isWithin } from '#lib/core/sub-resource.ts'
import type { Message } from './messages.ts'

const sessionsMax = 1000
/** How much one session may want to hear of. */
export const urisMax = 1000
export const uriLengthMax = 2000

/** A client's session with a server of the revisions before 2026-07-28; the process behind it has one session for all of them. */
export type ClientSession = {
  readonly id: string
  /** What the client said it can do. */
  readonly capabilities: Message
  /** Resources it wants to hear of. */
  readonly subscriptions: Set<string>
  /** Its stream for what belongs to no request, while it has one open. */
  stream: ((message: Message) => void) | null
  /** Ends the running requests of this session, by the client's own id. */
  readonly running: Map<unknown, (failure: Error) => void>
}

/** The sessions on one process; they end with it. */
export class ClientSessions {
  readonly #sessions = new Map<string, ClientSession>()
  readonly #streams = new Set<() => void>()
  #isClosed = false

  open(capabilities: unknown): ClientSession {
    const session: ClientSession = {
      id: randomUUID(),
      capabilities: isRecord(capabilities) ? capabilities : {},
      subscriptions: new Set(),
      stream: null,
      running: new Map(),
    }
    this.#sessions.set(session.id, session)
    // The oldest one that does nothing makes room: a client that comes back is told that its session is gone, and opens another.
    if (this.#sessions.size > sessionsMax) {
      const idle = [...this.#sessions.values()].find((each) => each.running.size === 0 && each.stream === null)
      if (idle) this.#sessions.delete(idle.id)
    }
    return session
  }

  get(id: string): ClientSession | undefined {
    const session = this.#sessions.get(id)
    if (!session) return undefined
    // The most recently used ones are last.
    this.#sessions.delete(id)
    this.#sessions.set(id, session)
    return session
  }

  /** From now on it hears of the resource; false when it hears of as many as it may, or the address is too long. */
  subscribe({ subscriptions }: ClientSession, uri: string): boolean {
    if (uri.length > uriLengthMax || (subscriptions.size >= urisMax && !subscriptions.has(uri))) return false
    subscriptions.add(uri)
    return true
  }

  remove(id: string): void {
    this.#sessions.delete(id)
  }

  /** Changes of lists are told to all, which only says that one may look again; those of a resource to who asked for it, or for what it is a part of. */
  broadcast(message: Message): void {
    const params = isRecord(message['params']) ? message['params'] : {}
    const isResource = message['method'] === 'notifications/resources/updated'
    const uri = String(params['uri'])
    for (const { stream, subscriptions } of this.#sessions.values()) {
      if (isResource && ![...subscriptions].some((watched) => isWithin(uri, watched))) continue
      stream?.(isResource ? message : { jsonrpc: '2.0', method: message['method'] })
    }
  }

  /** Whether another session wants to hear of a resource. */
  isWantedByOthers(uri: string, session: ClientSession): boolean {
    return [...this.#sessions.values()].some((each) => each !== session && each.subscriptions.has(uri))
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size
  }

  /** A stream is open: ended with the process, unless what this returns is called before. */
  streaming(end: () => void): () => void {
    if (this.#isClosed) end()
    else this.#streams.add(end)
    return () => void this.#streams.delete(end)
  }

  close(): void {
    this.#isClosed = true
    this.#sessions.clear()
    for (const end of this.#streams) end()
    this.#streams.clear()
  }
}
