import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { keyBytes } from '#lib/core/envelope.ts'
import { KeyUnavailable } from '#lib/core/key-wrapper.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { SessionSettings } from '../conversation/session-settings.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { UpstreamSession } from '../upstream/request.ts'

/** Names a session before 2026-07-28. */
export const sessionHeader = 'mcp-session-id'

/** A session of an agent before 2026-07-28: everything a replica must know of it is in its name, sealed. */
export class AgentSession {
  /** The value of its header. */
  readonly name: string
  /** The session at the server that is this one's alone; null when nothing needs one. */
  readonly upstream: UpstreamSession | null
  /** What the agent said it can do. */
  readonly capabilities: Readonly<Record<string, unknown>>
  /** Seals what goes to the agent and comes back within the session. */
  readonly key: Uint8Array
  /** How much the agent wants to be logged by a server that keeps no sessions. */
  logLevel: string | undefined
  /** What it watches of such a server. */
  watched: ReadonlySet<string> = new Set<string>()
  /** What its server asked over this replica, by the server's id: what the agent and the broker know it under. */
  readonly asked = new Map<unknown, { questionId: string; askId: string }>()
  /** Of one at the merged address: the same session with its part at a server, by what its row is known under. */
  readonly parts = new Map<string, Promise<AgentSession | null>>()
  /** Set while its stream is being opened at the server. */
  opening: Promise<void> | null = null
  /** Called when that changes: the session's stream listens for something else then. */
  onWatch: (() => void) | null = null

  constructor(name: string, { upstream, capabilities, key }: Pick<AgentSession, 'upstream' | 'capabilities' | 'key'>) {
    this.name = name
    this.upstream = upstream
    this.capabilities = capabilities
    this.key = key
  }

  /** Its stream is being opened at the server: until it is, or at most so long, `opening` is set for what must come after it. */
  async openingStream<T>(opened: Promise<T>, longestMs: number): Promise<T> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, longestMs)
    const opening = Promise.race([opened.then(noop, noop), late.promise])
    this.opening = opening
    void opening.then(() => {
      clearTimeout(timer)
      if (this.opening === opening) this.opening = null
    })
    return await opened
  }

  asks(upstreamId: unknown, noted: { questionId: string; askId: string }): void {
    forgetOldest(this.asked, askedMax)
    this.asked.set(upstreamId, noted)
  }

  /** What its agent has said about it, here or at another replica. */
  told({ logLevel, watched }: { logLevel: string | undefined; watched: readonly string[] }): void {
    this.logLevel = logLevel
    const before = this.watched
    this.watched = new Set(watched)
    const isSame = before.size === this.watched.size && watched.every((uri) => before.has(uri))
    if (!isSame) this.onWatch?.()
  }
}

/** A session at the merged address with its part at a server. */
export function partOf({ name, capabilities, key }: AgentSession, upstream: UpstreamSession): AgentSession {
  return new AgentSession(name, { upstream, capabilities, key })
}

/** Whose session it is and with which server: what a sealed name is bound to. */
export type SessionOwner = { caller: Caller; serverId: string | null; url: string }

const sealed = z.tuple([z.string(), z.tuple([z.string(), z.string()]).nullable(), z.record(z.string(), z.unknown())])
const rememberedMax = 20_000
const askedMax = 100
/** Longer ones are not taken: a header has to carry them. */
const capabilitiesMax = 2000

/** What an agent says that it can do, where that is little enough to be kept; else nothing. */
export function keptCapabilities(capabilities: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return JSON.stringify(capabilities).length > capabilitiesMax ? {} : capabilities
}

/** Gives sessions their names and reads them. A name opens at every replica, for its agent, run and server only. */
export class Sessions {
  readonly #box: SecretBox
  readonly #remembered = new Map<string, { context: string; session: AgentSession }>()
  readonly #ended = new Set<string>()
  /** Two who look for one session get the same: only one of two would be told what is said about it. */
  readonly #finding = new Map<string, Promise<AgentSession | null>>()
  readonly #settings: SessionSettings

  constructor(box: SecretBox, settings: SessionSettings) {
    this.#box = box
    this.#settings = settings
  }

  async begin(
    owner: SessionOwner,
    { upstream, capabilities }: { upstream: UpstreamSession | null; capabilities: Readonly<Record<string, unknown>> },
  ): Promise<AgentSession> {
    const key = randomBytes(keyBytes)
    const kept = keptCapabilities(capabilities)
    const content = JSON.stringify([key.toString('base64'), upstream && [upstream.id, upstream.version], kept])
    const name = await this.seal(content, contextOf(owner))
    const session = this.#remember(name, contextOf(owner), { upstream, capabilities: kept, key })
    await this.#settings.know(session, { begun: true })
    return session
  }

  /** As `find`, of those this replica has seen; undefined for another one. */
  known(name: string, owner: SessionOwner): AgentSession | null | undefined {
    const remembered = this.#remembered.get(name)
    if (remembered) return remembered.context === contextOf(owner) ? remembered.session : null
    return this.#ended.has(name) ? null : undefined
  }

  /** Null when it is no session of this agent's run with this server, or has ended. */
  async find(name: string, owner: SessionOwner): Promise<AgentSession | null> {
    const known = this.known(name, owner)
    if (known !== undefined) return known
    const key = `${contextOf(owner)} ${name}`
    const underWay = this.#finding.get(key)
    if (underWay) return await underWay
    const finding = this.#find(name, owner).finally(() => this.#finding.delete(key))
    this.#finding.set(key, finding)
    return await finding
  }

  async #find(name: string, owner: SessionOwner): Promise<AgentSession | null> {
    const content = await this.unseal(name, contextOf(owner))
    const parsed = sealed.safeParse(content === null ? null : JSON.parse(content))
    if (!parsed.success) return null
    const [key, upstream, capabilities] = parsed.data
    const about = { upstream: upstream && { id: upstream[0], version: upstream[1] }, capabilities }
    const session = new AgentSession(name, { ...about, key: Buffer.from(key, 'base64') })
    // It may have been said elsewhere that it is over.
    await this.#settings.know(session, { begun: false })
    const now = this.known(name, owner)
    return now === undefined ? this.#remember(name, contextOf(owner), session) : now
  }

  /** From now on it is not found any more, at this replica; at others its server does not know it. */
  end(name: string): void {
    this.#remembered.delete(name)
    forgetOldest(this.#ended)
    this.#ended.add(name)
  }

  /** Text that every replica reads and nobody else, in characters a header may hold. */
  async seal(content: string, context: string): Promise<string> {
    return Buffer.from(await this.#box.seal(content, context)).toString('base64url')
  }

  /** Null for what was not sealed so. */
  async unseal(text: string, context: string): Promise<string | null> {
    const bytes = Buffer.from(text, 'base64url')
    // One thing has one name: decoding forgives what it does not know.
    if (bytes.toString('base64url') !== text) return null
    try {
      return await this.#box.open(bytes, context)
    } catch (error) {
      if (error instanceof KeyUnavailable) throw error
      return null
    }
  }

  #remember(
    name: string,
    context: string,
    about: Pick<AgentSession, 'upstream' | 'capabilities' | 'key'>,
  ): AgentSession {
    const session = about instanceof AgentSession ? about : new AgentSession(name, about)
    forgetOldest(this.#remembered)
    this.#remembered.set(name, { context, session })
    return session
  }
}

function contextOf({ caller, serverId, url }: SessionOwner): string {
  return `mcp-session:${caller.agentId}:${caller.runId ?? ''}:${serverId ?? ''}:${url}`
}

function noop(): void {}

function forgetOldest<K>(kept: Map<K, unknown> | Set<K>, max = rememberedMax): void {
  if (kept.size < max) return
  const oldest = kept.keys().next()
  if (!oldest.done) kept.delete(oldest.value)
}
