import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import { forgetStdioProcesses, recordStdioProcess } from '#lib/registry/commands.ts'
import type { HostedFacts, StdioHost } from './host.ts'

type Options = { db: Db; instance: string; log: Log; processes: () => StdioHost['processes'] }

const everyMs = 10_000

/** Tells the registry how the processes of servers are: when one changes, and now and then for as long as it lives. */
export class ProcessStatus {
  readonly #options: Options
  /** The newest of each that was not told yet. */
  readonly #untold = new Map<string, HostedFacts>()
  #telling: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(options: Options) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { db, instance, log } = this.#options
    await forgetStdioProcesses({ db, actor: systemActor('sandbox'), now: new Date() }, { instance }).catch(
      (error: unknown) => log.warn({ err: error }, 'old states of processes could not be removed'),
    )
    this.#timer = setInterval(() => this.#tellAllAgain(), everyMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#telling
  }

  changed(facts: HostedFacts): void {
    this.#untold.set(`${facts.serverId}/${facts.owner}`, facts)
    this.#telling ??= this.#tell().finally(() => (this.#telling = null))
  }

  #tellAllAgain(): void {
    for (const { serverId, owner, process } of this.#options.processes()) {
      if (process.facts.state !== 'stopped') this.changed({ serverId, owner, ...process.facts })
    }
  }

  /** One after the other; what cannot be told is told with the next change or round. */
  async #tell(): Promise<void> {
    const { db, instance, log, processes } = this.#options
    for (let next = first(this.#untold); next; next = first(this.#untold)) {
      const [key, { serverId, owner, ...facts }] = next
      this.#untold.delete(key)
      const live = processes().find((each) => each.serverId === serverId && each.owner === owner)
      try {
        const memoryBytes = facts.state === 'running' ? ((await live?.process.memoryBytes()) ?? null) : null
        const ctx = { db, actor: systemActor('sandbox'), now: new Date() }
        await recordStdioProcess(ctx, { serverId, owner, instance, memoryBytes, ...facts })
      } catch (error) {
        log.warn({ err: error, server: serverId, owner }, 'the state of a process could not be recorded')
      }
    }
  }
}

function first<K, V>(map: ReadonlyMap<K, V>): [K, V] | undefined {
  const entry = map.entries().next()
  return entry.done ? undefined : entry.value
}
