import { randomBytes } from 'node:crypto'
import { DomainError } from '#lib/core/errors.ts'
import type { KillReport, SandboxDriver, SandboxFile, SandboxLimits } from './driver.ts'
import { Shell, type ShellLimits } from './shell.ts'

/** What the tools of a session may take and give. */
export type ToolLimits = { commandMsDefault: number; commandMsMax: number; fileBytesMax: number; shell: ShellLimits }
export type Admission = { limits: SandboxLimits; tools: ToolLimits }

export type SessionSandboxOptions = {
  driver: SandboxDriver
  /** Claude's session id; it names the workspace. */
  sessionId: string
  /** Asked before every creation; throws when this session may have no sandbox (now). */
  admit: () => Promise<Admission>
  /** Put into the workspace before the first use. */
  files?: () => Promise<readonly SandboxFile[]>
  onCreated?: (startMs: number) => void
}

type Live = { id: string; shell: Shell; tools: ToolLimits }

/** The sandbox of one session: made at the first use, made again on the same workspace if it ended by itself, never after `end`. */
export class SessionSandbox {
  readonly sessionId: string
  readonly #options: SessionSandboxOptions
  #current: Promise<Live> | null = null
  #creating: Promise<Live> | null = null
  #ended: Promise<KillReport> | null = null
  #isSupplied = false

  constructor(options: SessionSandboxOptions) {
    this.#options = options
    this.sessionId = options.sessionId
  }

  /** Throws `unavailable` when it cannot be made or has been ended, and what `admit` throws. */
  async use(): Promise<Live & { driver: SandboxDriver }> {
    return { driver: this.#options.driver, ...(await this.#live()) }
  }

  get isEnded(): boolean {
    return this.#ended !== null
  }

  /** Ends it for good. Whatever is being made is ended as soon as it exists. */
  end(): Promise<KillReport> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #live(): Promise<Live> {
    this.#refuseWhenEnded()
    const current = await this.#current?.catch(() => null)
    const isAlive = current && (await this.#options.driver.list()).some(({ id }) => id === current.id)
    if (isAlive) return current
    this.#refuseWhenEnded()
    // Two calls at once wait for the same new one.
    const next = (this.#creating ??= this.#create().finally(() => (this.#creating = null)))
    this.#current = next
    return await next
  }

  async #create(): Promise<Live> {
    const { driver, sessionId, admit, files } = this.#options
    const { limits, tools } = await admit()
    this.#refuseWhenEnded()
    const id = `sb-${randomBytes(6).toString('hex')}`
    const { startMs } = await driver.create({ id, workspace: sessionId, limits })
    this.#options.onCreated?.(startMs)
    try {
      await this.#supply(id, files)
    } catch (error) {
      // Nobody else knows of it: left alive, it would keep its processes and its workspace.
      await driver.kill(id)
      throw error
    }
    return { id, tools, shell: new Shell({ driver, id }, tools.shell) }
  }

  async #supply(id: string, files: SessionSandboxOptions['files']): Promise<void> {
    if (this.#isSupplied) return
    const supplied = (await files?.()) ?? []
    if (supplied.length) await this.#options.driver.putFiles(id, supplied)
    this.#isSupplied = true
  }

  #refuseWhenEnded(): void {
    if (this.#ended) throw new DomainError('unavailable', 'This session’s sandbox has been ended.')
  }

  async #end(): Promise<KillReport> {
    const current = await this.#current?.catch(() => null)
    if (!current) return { id: '', processes: 0, survivors: [], ms: 0 }
    return await this.#options.driver.kill(current.id)
  }
}
