import { randomBytes } from 'node:crypto'
import { DomainError } from '#lib/core/errors.ts'
import type { KillReport, SandboxDriver, SandboxFile, SandboxLimits } from './driver.ts'
import { Shell, type ShellLimits } from './shell.ts'

export type SessionSandboxOptions = {
  driver: SandboxDriver
  /** Claude's session id; it names the workspace. */
  sessionId: string
  limits: SandboxLimits
  shell: ShellLimits
  /** Asked before every creation; throws when this session may have no sandbox (now). */
  admit: () => Promise<void>
  /** Put into the workspace before the first use. */
  files?: () => Promise<readonly SandboxFile[]>
  onCreated?: (startMs: number) => void
}

/** The sandbox of one session: made at the first use, made again on the same workspace if it ended by itself, never after `end`. */
export class SessionSandbox {
  readonly sessionId: string
  readonly #options: SessionSandboxOptions
  #current: Promise<{ id: string; shell: Shell }> | null = null
  #ended: Promise<KillReport> | null = null
  #isSupplied = false

  constructor(options: SessionSandboxOptions) {
    this.#options = options
    this.sessionId = options.sessionId
  }

  /** Throws `unavailable` when it cannot be made or has been ended, and what `admit` throws. */
  async use(): Promise<{ driver: SandboxDriver; id: string; shell: Shell }> {
    const { driver } = this.#options
    const { id, shell } = await this.#live()
    return { driver, id, shell }
  }

  /** Ends it for good. Whatever is being made is ended as soon as it exists. */
  end(): Promise<KillReport> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #live(): Promise<{ id: string; shell: Shell }> {
    if (this.#ended) throw new DomainError('unavailable', 'This session’s sandbox has been ended.')
    const current = await this.#current?.catch(() => null)
    const isAlive = current && (await this.#options.driver.list()).some(({ id }) => id === current.id)
    if (isAlive) return current
    // Two calls at once wait for the same new one.
    const next = (this.#creating ??= this.#create().finally(() => (this.#creating = null)))
    this.#current = next
    return await next
  }

  #creating: Promise<{ id: string; shell: Shell }> | null = null

  async #create(): Promise<{ id: string; shell: Shell }> {
    const { driver, sessionId, limits, admit, files } = this.#options
    await admit()
    const id = `sb-${randomBytes(6).toString('hex')}`
    const { startMs } = await driver.create({ id, workspace: sessionId, limits })
    this.#options.onCreated?.(startMs)
    if (!this.#isSupplied) {
      const supplied = (await files?.()) ?? []
      if (supplied.length) await driver.putFiles(id, supplied)
      this.#isSupplied = true
    }
    return { id, shell: new Shell({ driver, id }, this.#options.shell) }
  }

  async #end(): Promise<KillReport> {
    const current = await this.#current?.catch(() => null)
    if (!current) return { id: '', processes: 0, survivors: [], ms: 0 }
    return await this.#options.driver.kill(current.id)
  }
}
