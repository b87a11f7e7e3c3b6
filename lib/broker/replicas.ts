import type { Ctx } from '#lib/auth/ctx.ts'
import type { Log } from '#lib/log/log.ts'
import { beatProcess, endProcessBeat } from '#lib/registry/commands.ts'

const beatMs = 1000

/** Says every second that this broker lives, and learns by it how many do. While the database does not answer, what was last known goes on to count. */
export class Replicas {
  readonly #options: { ctx: () => Ctx; instance: string; log: Log }
  #live = 1
  #timer: NodeJS.Timeout | undefined
  #beating: Promise<void> | null = null

  constructor(options: { ctx: () => Ctx; instance: string; log: Log }) {
    this.#options = options
  }

  /** How many brokers live, this one included. */
  get live(): number {
    return this.#live
  }

  async start(): Promise<void> {
    await this.#beat()
    this.#timer = setInterval(() => void this.#beat(), beatMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#beating
    const { ctx, instance, log } = this.#options
    await endProcessBeat(ctx(), { process: 'broker', instance }).catch((error: unknown) => {
      log.warn({ err: error }, 'it could not be said that this broker ends; the others notice in seconds')
    })
  }

  #beat(): Promise<void> {
    this.#beating ??= this.#beatOnce().finally(() => {
      this.#beating = null
    })
    return this.#beating
  }

  async #beatOnce(): Promise<void> {
    const { ctx, instance, log } = this.#options
    try {
      this.#live = await beatProcess(ctx(), { process: 'broker', instance })
    } catch (error) {
      log.warn({ err: error }, 'it could not be said that this broker lives')
    }
  }
}
