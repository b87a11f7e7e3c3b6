import type { Ctx } from '#lib/auth/ctx.ts'
import { unhurried } from '#lib/core/gently.ts'
import type { Log } from '#lib/log/log.ts'
import { readingListedTools } from '#lib/registry/rules/listed-tools.ts'
import { recordServerTools, recordToolsUnlisted, TooManyNames } from '#lib/registry/commands.ts'
import { DiscoveryTurns } from './discovery-turns.ts'
import type { Limits } from './limits.ts'
import { listMs, Unlisted, Unusable, UpstreamLists } from './upstream-lists.ts'
import { UpstreamFailure } from './upstream/failure.ts'
import type { UpstreamHealth } from './upstream/health.ts'
import type { UpstreamPool } from './upstream/pool.ts'
import type { BrokeredServer, BrokerView } from './view/view.ts'

type DiscoveryParts = {
  view: BrokerView
  upstreams: UpstreamPool
  health: UpstreamHealth
  limits: Limits
  ctx: () => Ctx
  instance: string
  log: Log
}

/** So often it is looked who is due. */
const roundMs = 3000
/** So often a problem that lasts is written again. */
const keptMs = 60_000
/** A server that speaks of changes all the time is not asked more often, and left alone as long as looking took. */
const againMs = 100

/**
 * Looks every minute at what each upstream offers: new tools wait for review (those of demo servers, which ship with the product, are
 * approved), changed ones are judged, missing ones are marked as removed. A server that does not answer keeps what is known of it.
 */
export class Discovery {
  readonly #parts: DiscoveryParts
  #timer: NodeJS.Timeout | undefined
  readonly #running = new Set<Promise<void>>()
  readonly #turns = new DiscoveryTurns()
  readonly #looking = new Map<string, { now: Promise<unknown>; next?: Promise<unknown> }>()
  readonly #problems = new Map<string, { problem: string; keptAt: number }>()
  readonly #stopping = new AbortController()
  readonly #lists: UpstreamLists

  constructor(parts: DiscoveryParts) {
    this.#parts = parts
    this.#lists = new UpstreamLists(parts)
  }

  start(): void {
    const round = (): void => {
      const running = this.discoverDue().finally(() => this.#running.delete(running))
      this.#running.add(running)
    }
    round()
    this.#timer = setInterval(round, roundMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    await Promise.all(this.#running)
  }

  /** Asks every server whose minute is over; one that fails or takes long does not hold up the others. */
  async discoverDue(): Promise<void> {
    const { view } = this.#parts
    view.offered.keepOnly(view.servers)
    const due = [...view.servers.values()].filter(
      (server) => server.enabled && this.#turns.take(server.id, performance.now()),
    )
    await Promise.all(due.map((server) => this.#takeTurn(server)))
  }

  async #takeTurn(server: BrokeredServer): Promise<void> {
    try {
      await this.discover(server)
      this.#turns.listed(server.id, performance.now())
    } catch (error) {
      const end = hasNotListed(error) ? 'unanswered' : 'failed'
      this.#turns[end](server.id, performance.now())
      if (this.#stopping.signal.aborted) return
      this.#parts.log.info({ server: server.id, reason: String(error) }, 'the tools of a server could not be listed')
    }
  }

  /** Rejects when the server does not answer or lists nothing that could be recorded, and keeps why. What is no tool is left out. */
  async discover(server: BrokeredServer): Promise<{ added: string[]; changed: string[]; removed: string[] }> {
    try {
      const { listed, isWhole } = await this.#lists.read(server, this.#stopping.signal)
      const found = await recordServerTools(this.#parts.ctx(), {
        serverId: server.id,
        ...(await unhurried(readingListedTools(listed))),
        isWhole,
        newToolState: server.demo ? 'approved' : 'quarantined',
        seenBy: `broker ${this.#parts.instance}`,
      })
      this.#problems.delete(server.id)
      return found
    } catch (error) {
      if (!this.#stopping.signal.aborted) await this.#keepProblem(server.id, wordsOf(error))
      throw error
    }
  }

  /** Written when it is another than before, and once a minute while it lasts. */
  async #keepProblem(serverId: string, problem: string): Promise<void> {
    const now = performance.now()
    const before = this.#problems.get(serverId)
    if (before?.problem === problem && now - before.keptAt < keptMs) return
    this.#problems.set(serverId, { problem, keptAt: now })
    await recordToolsUnlisted(this.#parts.ctx(), { serverId, problem }).catch(() => {
      // Without the database, or of a server that is gone: the next round tries again.
      this.#problems.delete(serverId)
    })
  }

  /** Looks once more because the server says that something changed; those who ask while somebody looks are told when the next look is over. */
  again(server: BrokeredServer): Promise<unknown> {
    const running = this.#looking.get(server.id)
    if (running?.next) return running.next
    if (running) return (running.next = running.now.then(() => this.#look(server)))
    return this.#look(server)
  }

  #look(server: BrokeredServer): Promise<unknown> {
    const began = performance.now()
    const looked = this.discover(server).catch(() => {})
    const pause = () => Math.max(againMs, performance.now() - began)
    const entry: { now: Promise<unknown>; next?: Promise<unknown> } = {
      now: looked.then(() => new Promise((resolve) => setTimeout(resolve, pause()))),
    }
    this.#looking.set(server.id, entry)
    void entry.now.then(() => {
      if (this.#looking.get(server.id) === entry) this.#looking.delete(server.id)
    })
    return looked
  }
}

function hasNotListed(error: unknown): boolean {
  if (error instanceof UpstreamFailure) return error.kind !== 'too_large' && error.kind !== 'too_deep'
  return error instanceof Unlisted && !(error instanceof Unusable)
}

function wordsOf(error: unknown): string {
  if (error instanceof Unlisted || error instanceof UpstreamFailure || error instanceof TooManyNames)
    return error.message
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `it did not list them within ${listMs / 1000} s`
  return 'what it lists could not be kept'
}
