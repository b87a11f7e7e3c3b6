// The frames between the service and the supervisor inside a sandbox: [length u32][type u8][channel u32][payload], big endian.
// This file runs on both sides; inside it has nothing but Node.

export const frameTypes = {
  // to the supervisor
  start: 1,
  stdin: 2,
  stdinEnd: 3,
  kill: 4,
  killEverything: 5,
  // to the service
  ready: 16,
  stdout: 17,
  stderr: 18,
  exited: 19,
  failed: 20,
} as const
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

export type Frame = { type: number; channel: number; payload: Buffer }

const headerBytes = 9
/** Longer frames end the connection: whoever sends them is not our code. */
export const payloadBytesMax = 1 << 20

export function encodeFrame(type: FrameType, channel: number, payload: Uint8Array | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(body.length, 0)
  header.writeUInt8(type, 4)
  header.writeUInt32BE(channel, 5)
  return Buffer.concat([header, body])
}

/** Cuts a stream into frames; throws on a frame that is too long. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0
  readonly #onFrame: (frame: Frame) => void

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes >= headerBytes) {
      const head = this.#peek(headerBytes)
      const length = head.readUInt32BE(0)
      if (length > payloadBytesMax) throw new RangeError(`a frame of ${length} bytes`)
      if (this.#bytes < headerBytes + length) return
      const frame = this.#take(headerBytes + length)
      this.#onFrame({ type: frame.readUInt8(4), channel: frame.readUInt32BE(5), payload: frame.subarray(headerBytes) })
    }
  }

  /** The first bytes without removing them; joins chunks only when they are spread. */
  #peek(length: number): Buffer {
    if (this.#chunks[0]!.length < length) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!
  }

  #take(length: number): Buffer {
    const whole = this.#chunks[0]!.length >= length ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const rest = this.#chunks[0] === whole ? this.#chunks.slice(1) : []
    if (whole.length > length) rest.unshift(whole.subarray(length))
    this.#chunks = rest
    this.#bytes -= length
    return whole.subarray(0, length)
  }
}
