import { ok, type Result } from '#lib/core/result.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import { ensurePackage, hasPackage, packageFolder, type PackageStore } from '#lib/registry/commands/package-fetch.ts'
import type { PackageProblem } from '#lib/registry/schema/packages.ts'
import type { PackageReference } from '#lib/registry/schema/transport.ts'

type Ensured = Result<{ fetched: boolean }, PackageProblem>

/** The packages of servers on this machine: one that is missing is fetched once, however many ask for it. */
export class Packages {
  readonly #options: { db: Db; store: PackageStore; log: Log }
  readonly #fetching = new Map<string, Promise<Ensured>>()

  constructor(options: { db: Db; store: PackageStore; log: Log }) {
    this.#options = options
  }

  folderOf(reference: PackageReference): string {
    return packageFolder(this.#options.store, reference)
  }

  async ensure(reference: PackageReference): Promise<Ensured> {
    if (await hasPackage(this.#options.store, reference)) return ok({ fetched: false })
    const under = this.#fetching.get(reference.lock) ?? this.#fetch(reference)
    this.#fetching.set(reference.lock, under)
    return await under.finally(() => this.#fetching.delete(reference.lock))
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
}
