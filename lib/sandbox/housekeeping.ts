import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import type { SandboxDriver } from './driver.ts'
import { findRuns } from './run-facts.ts'

type Options = {
  db: Db
  driver: SandboxDriver
  log: Log
  busy: () => readonly string[]
  /** Of a server that is registered still: what it keeps is its own. */
  isKept: (workspace: string) => boolean
}

const intervalMs = 30_000
/** A workspace whose session is nobody's run, or whose run was left open, goes when it was not used for so long. */
const unusedMsMax = 24 * 3600_000

/** Removes the workspaces of sessions that are over. Between the turns of an open run a workspace is kept. */
export class Housekeeping {
  readonly #options: Options
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | null = null

  constructor(options: Options) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => void this.sweep(), intervalMs)
    void this.sweep()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sweeping
  }

  /** One at a time; never rejects. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'workspaces could not be tidied'))
      .finally(() => (this.#sweeping = null))
    return this.#sweeping
  }

  async #sweep(): Promise<void> {
    const { db, driver, busy, isKept, log } = this.#options
    const all = await driver.workspaces()
    const runs = await findRuns(
      db,
      all.map(({ workspace }) => workspace),
    )
    const over = new Set(runs.filter(({ isOver }) => isOver).map(({ sessionId }) => sessionId))
    for (const { workspace, usedAt } of all) {
      const isUnused = Date.now() - usedAt.getTime() > unusedMsMax
      if (busy().includes(workspace) || isKept(workspace) || !(over.has(workspace) || isUnused)) continue
      await driver.discard(workspace)
      log.info({ sessionId: workspace }, 'workspace removed')
    }
  }
}
