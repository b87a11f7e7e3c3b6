import type { Limits } from './limits.ts'
import { UpstreamFailure } from './upstream/failure.ts'

type ListLimits = Pick<Limits, 'toolListBytesMax' | 'toolListsBytesMax'>

/** How long the lists of tools are that a broker reads now, of all servers together. */
export class ToolLists {
  readonly limits: ListLimits
  #bytes = 0

  constructor(limits: ListLimits) {
    this.limits = limits
  }

  begin(): ToolListReading {
    return new ToolListReading(this)
  }

  /** Whether so much more may be read; then it is, until it is let go. */
  hold(bytes: number): boolean {
    if (this.#bytes + bytes > this.limits.toolListsBytesMax) return false
    this.#bytes += bytes
    return true
  }

  letGo(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** One list, page by page. End it. */
export class ToolListReading {
  readonly #lists: ToolLists
  #page = 0
  #taken = 0

  constructor(lists: ToolLists) {
    this.#lists = lists
  }

  /** Of the next page. */
  get left(): number {
    return this.#lists.limits.toolListBytesMax - this.#taken
  }

  /** Counts a long page while it arrives. */
  readonly hold = (bytes: number): boolean => {
    if (!this.#lists.hold(bytes)) return false
    this.#page += bytes
    return true
  }

  /** A page has come as a whole. Throws when the list is too long with it. */
  take(page: Record<string, unknown>): void {
    this.#lists.letGo(this.#page)
    this.#page = 0
    const bytes = Buffer.byteLength(JSON.stringify(page))
    if (bytes > this.left) throw this.tooLong()
    if (!this.#lists.hold(bytes))
      throw new UpstreamFailure('too_large', 'many long lists of tools are being read (rule result_too_large)')
    this.#taken += bytes
  }

  tooLong(): UpstreamFailure {
    const { toolListBytesMax } = this.#lists.limits
    return new UpstreamFailure(
      'too_large',
      `the list of its tools is longer than ${toolListBytesMax} bytes (rule result_too_large)`,
    )
  }

  end(): void {
    this.#lists.letGo(this.#page + this.#taken)
    this.#page = this.#taken = 0
  }
}
