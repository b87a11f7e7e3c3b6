import type { ServerResponse } from 'node:http'
import type { StdioLimits } from './limits.ts'

/**
 * What was written to readers and not read yet. Too much of it, and reading from the process stops until they catch up, so that nothing
 * grows; a reader who does not is let go.
 */
export class Backlog {
  readonly #limits: Pick<StdioLimits, 'backlogBytesMax' | 'stallMs'>
  readonly #hold: (held: boolean) => void
  readonly #readers = new Set<ServerResponse>()
  #timer: NodeJS.Timeout | undefined

  constructor(limits: Pick<StdioLimits, 'backlogBytesMax' | 'stallMs'>, hold: (held: boolean) => void) {
    this.#limits = limits
    this.#hold = hold
  }

  get bytes(): number {
    return [...this.#readers].reduce((sum, reader) => sum + reader.writableLength, 0)
  }

  get isHeld(): boolean {
    return this.#timer !== undefined
  }

  /** Watches a response until it is closed; call `wrote` after each write to it. */
  watch(reader: ServerResponse): void {
    this.#readers.add(reader)
    reader.on('drain', () => this.#look())
    reader.once('close', () => {
      this.#readers.delete(reader)
      this.#look()
    })
  }

  wrote(): void {
    if (this.isHeld || this.bytes <= this.#limits.backlogBytesMax) return
    this.#hold(true)
    this.#timer = setTimeout(() => this.#letGo(), this.#limits.stallMs)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    if (!this.isHeld || this.bytes > this.#limits.backlogBytesMax / 2) return
    this.close()
    this.#hold(false)
  }

  /** Those who hold up the others. */
  #letGo(): void {
    for (const reader of this.#readers) if (reader.writableNeedDrain) reader.destroy()
    this.close()
    this.#hold(false)
  }
}
