import { isRecord } from '#lib/core/is-record.ts'
import { listedMax } from '#lib/registry/rules/listed-tools.ts'
import { type Limits, limitsOf } from './limits.ts'
import { type ToolListReading, ToolLists } from './tool-lists.ts'
import { UpstreamFailure } from './upstream/failure.ts'
import type { UpstreamHealth } from './upstream/health.ts'
import type { UpstreamPool } from './upstream/pool.ts'
import type { BrokeredCredential, BrokeredServer, BrokerView } from './view/view.ts'

type Parts = { upstreams: UpstreamPool; health: UpstreamHealth; view: BrokerView; limits: Limits }
type List = { tools: unknown[]; isEverybodys: boolean }

/** For each account. */
export const listMs = 15_000
const pagesMax = 100
/** Why nothing is sent while a circuit is open, where no failure is known that opened it. */
const resting = 'after failures in a row nothing is sent to it for a while'

/** Why tools could not be listed, in words without anything the server said. */
export class Unlisted extends Error {}

/** It has listed something that is of no use. */
export class Unusable extends Unlisted {}

/**
 * Reads what a server lists, over each account that calls go over to it: a list counts for the account it was given to, unless the server
 * says that it is everybody's (`cacheScope`). What a tool is like says the first account that is offered it: the server's own, then those of teams.
 */
export class UpstreamLists {
  readonly #parts: Parts
  readonly #lists: ToolLists

  constructor(parts: Parts) {
    this.#parts = parts
    this.#lists = new ToolLists(parts.limits)
  }

  /** Not whole: an account could not be asked, so what is missing may be offered to it. Rejects when the first could not. */
  async read(server: BrokeredServer, stopping: AbortSignal): Promise<{ listed: unknown[]; isWhole: boolean }> {
    const { view } = this.#parts
    const [first = null, ...others] = server.stdio ? [] : server.credentials
    const list = await this.#listOver(server, first, stopping)
    if (first === null || others.length === 0 || list.isEverybodys) {
      view.putOffered(server.id, null)
      return { listed: list.tools, isWhole: true }
    }
    const before = view.offered.of(server.id)
    const listed = [...list.tools]
    const names = namesIn(listed)
    const accounts = new Map<string, ReadonlySet<unknown>>([[first.id, new Set(names)]])
    let isWhole = true
    for (const account of others) {
      const more = await this.#listOver(server, account, stopping).catch(() => null)
      stopping.throwIfAborted()
      isWhole &&= more !== null
      const offered = more ? namesIn(more.tools) : before.get(account.id)
      if (offered) accounts.set(account.id, offered)
      listed.push(...(more?.tools ?? []).filter((tool) => !names.has(nameOf(tool))))
      for (const name of more ? namesIn(more.tools) : []) names.add(name)
      if (listed.length > listedMax) throw new Unusable(`it lists more than ${listedMax} tools`)
    }
    view.putOffered(server.id, accounts)
    return { listed, isWhole }
  }

  async #listOver(server: BrokeredServer, account: BrokeredCredential | null, stopping: AbortSignal): Promise<List> {
    const reading = this.#lists.begin()
    try {
      return await this.#pages(server, { account, reading, stopping })
    } catch (error) {
      throw error instanceof UpstreamFailure && error.limit === reading.left ? reading.tooLong() : error
    } finally {
      reading.end()
    }
  }

  async #pages(
    server: BrokeredServer,
    {
      account,
      reading,
      stopping,
    }: { account: BrokeredCredential | null; reading: ToolListReading; stopping: AbortSignal },
  ): Promise<List> {
    const { upstreams, health, limits: all } = this.#parts
    const own = limitsOf(all, server)
    const circuit = health.circuitOf(server)
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(listMs)])
    const tools: unknown[] = []
    let isEverybodys = true
    let cursor: unknown
    for (let page = 0; page < pagesMax; page += 1) {
      const params = cursor === undefined ? {} : { cursor }
      // The probe of an open circuit, when its time has come: a server comes back without a call that has to try.
      const call = {}
      if (circuit.admit(call) > 0) throw new Unlisted(circuit.lastError?.message ?? resting)
      const limits = { ...own, resultBytesMax: Math.min(own.resultBytesMax, reading.left) }
      const asked = { method: 'tools/list', params, signal, limits, hold: reading.hold }
      const send = () => upstreams.connectionOver(server, account).request(asked)
      const reply = await health.watch(circuit, { call, signal }, send)
      if (!reply.ok) throw new Unlisted(`it answers tools/list with the error ${reply.error.code}`)
      const listed = reply.result['tools']
      if (!Array.isArray(listed)) throw new Unusable('its answer to tools/list holds no list of tools')
      if (tools.length + listed.length > listedMax) throw new Unusable(`it lists more than ${listedMax} tools`)
      reading.take(reply.result)
      tools.push(...(listed as unknown[]))
      isEverybodys &&= reply.result['cacheScope'] === 'public'
      cursor = reply.result['nextCursor']
      if (cursor === undefined || cursor === null) return { tools, isEverybodys }
    }
    throw new Unusable(`it lists its tools on more than ${pagesMax} pages`)
  }
}

function nameOf(tool: unknown): unknown {
  return isRecord(tool) ? tool['name'] : undefined
}

function namesIn(tools: readonly unknown[]): Set<unknown> {
  return new Set(tools.map(nameOf))
}
