import { UpstreamFailure } from './failure.ts'

/** Less is held without counting. */
export const uncountedBytes = 1024 * 1024

/** Where what is held for long is counted, with everything else that is. `hold`: false when there is too much of it already. */
export type Room = { hold(bytes: number): boolean; letGo(bytes: number): void }

/** What is held of a stream that lasts, until it is handed on. */
export class HeldBytes {
  readonly #room: Room | undefined
  #counted = 0

  constructor(room: Room | undefined) {
    this.#room = room
  }

  /** So much is held now. Throws an `UpstreamFailure` when that is too much. */
  become(bytes: number): void {
    const counted = bytes > uncountedBytes ? bytes : 0
    const more = counted - this.#counted
    if (more < 0) this.#room?.letGo(-more)
    if (more > 0 && this.#room?.hold(more) === false) {
      const words = `it sends a message of more than ${uncountedBytes} bytes while much is held already`
      throw new UpstreamFailure('too_large', words)
    }
    this.#counted = counted
  }

  end(): void {
    this.become(0)
  }
}
