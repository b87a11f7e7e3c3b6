import { err, ok, type Result } from '#lib/core/result.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import {
  ensurePackage,
  hasPackage,
  packageFolder,
  type PackageStore,
  removeUnusedPackages,
} from '#lib/registry/commands/package-fetch.ts'
import type { PackageProblem } from '#lib/registry/schema/packages.ts'
import type { PackageReference } from '#lib/registry/schema/transport.ts'

type Ensured = Result<{ fetched: boolean }, PackageProblem>
type Options = { db: Db; store: PackageStore; log: Log }

/** Each takes a process with up to 768 MB for up to three minutes. */
const fetchesMax = 2
const removeEveryMs = 3_600_000

/** The packages of servers on this machine: one that is missing is fetched once, however many ask for it. */
export class Packages {
  readonly #options: Options
  readonly #fetching = new Map<string, Promise<Ensured>>()
  #timer: NodeJS.Timeout | null = null
  #removing: Promise<void> = Promise.resolve()

  constructor(options: Options) {
    this.#options = options
  }

  /** From now on packages that no server is started from are removed. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#removing = this.#removeUnused()
    }, removeEveryMs)
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    await this.#removing
  }

  folderOf(reference: PackageReference): string {
    return packageFolder(this.#options.store, reference)
  }

  async ensure(reference: PackageReference): Promise<Ensured> {
    if (await hasPackage(this.#options.store, reference)) return ok({ fetched: false })
    const under = this.#fetching.get(reference.lock)
    if (under) return await under
    if (this.#fetching.size >= fetchesMax) {
      const message = `${fetchesMax} other packages are being fetched here; ask again.`
      return err({ field: 'registry', reason: 'too_slow', message })
    }
    const fetching = this.#fetch(reference).finally(() => this.#fetching.delete(reference.lock))
    this.#fetching.set(reference.lock, fetching)
    return await fetching
  }

  async #fetch(reference: PackageReference): Promise<Ensured> {
    const { log } = this.#options
    const { name, version } = reference
    const outcome = await ensurePackage(this.#options, reference)
    if (!outcome.ok) {
      log.warn({ package: name, version, problem: outcome.error }, 'a package of a server could not be fetched')
      return outcome
    }
    log.info({ package: name, version }, 'fetched a package of a server that was not on this machine')
    return ok({ fetched: true })
  }

  async #removeUnused(): Promise<void> {
    const { db, store, log } = this.#options
    try {
      const removed = await removeUnusedPackages({ db, store, now: new Date() })
      if (removed > 0) log.info({ removed }, 'removed packages that no server is started from')
    } catch (error) {
      log.warn({ err: error }, 'unused packages could not be removed')
    }
  }
}
