import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, read, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ResultSink } from './large-result.ts'

const readAt = promisify(read)
const algorithm = 'aes-256-ctr'
const chunkBytes = 256 * 1024

/** Room on the disk for answers of which nobody knows yet whose they are, in all processes together. */
export class SpoolSpace {
  readonly #folder: string
  readonly #bytesMax: number
  #bytes = 0

  constructor(options: { folder: string; bytesMax: number }) {
    this.#folder = options.folder
    this.#bytesMax = options.bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A place for one answer of at most `bytesMax`; null when the disk gives none. */
  open(bytesMax: number): Spool | null {
    const name = join(this.#folder, randomBytes(12).toString('hex'))
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      const file = openSync(name, 'wx+', 0o600)
      // Without a name it is gone with this process, however that ends.
      unlinkSync(name)
      return new Spool({ file, bytesMax, take: (bytes) => this.#take(bytes), free: (bytes) => (this.#bytes -= bytes) })
    } catch {
      return null
    }
  }

  #take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }
}

type Options = { file: number; bytesMax: number; take: (bytes: number) => boolean; free: (bytes: number) => void }

/**
 * One answer on the disk until it is known whose it is, in a file without a name, under a key that only this process has had. Written at once, as it comes: that goes to the
 * system's cache, and needs no waiting in between.
 */
export class Spool implements ResultSink {
  readonly #options: Options
  readonly #key = randomBytes(32)
  readonly #iv = randomBytes(16)
  readonly #cipher = createCipheriv(algorithm, this.#key, this.#iv)
  #bytes = 0
  #isOpen = true
  /** Some of it could not be kept, so none of it may be passed on. */
  #isTorn = false

  constructor(options: Options) {
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  get isTorn(): boolean {
    return this.#isTorn
  }

  write(bytes: Buffer): void {
    if (this.#isTorn || !this.#isOpen) return
    const { file, bytesMax, take } = this.#options
    if (this.#bytes + bytes.length > bytesMax || !take(bytes.length)) return this.#tear()
    this.#bytes += bytes.length
    try {
      const sealed = this.#cipher.update(bytes)
      for (let at = 0; at < sealed.length;) at += writeSync(file, sealed, at)
    } catch {
      this.#tear()
    }
  }

  end(): void {}

  fail(): void {
    this.#tear()
  }

  /** Passes it on as fast as it is read, then lets go of it. A reader who stands still for `stallMs` is broken off. Rejects when it was not passed on as a whole. */
  async passTo(sink: ResultSink, { stallMs }: { stallMs: number }): Promise<void> {
    const decipher = createDecipheriv(algorithm, this.#key, this.#iv)
    const buffer = Buffer.allocUnsafe(chunkBytes)
    try {
      if (this.#isTorn) throw new Error('it is not whole')
      for (let at = 0; at < this.#bytes;) {
        const { bytesRead } = await readAt(this.#options.file, buffer, 0, buffer.length, at)
        if (bytesRead === 0) throw new Error('the disk lost some of it')
        at += bytesRead
        sink.write(decipher.update(buffer.subarray(0, bytesRead)))
        if (sink.ready && !(await sink.ready(stallMs))) throw new Error('nobody reads it')
      }
      sink.end()
    } catch (error) {
      sink.fail()
      throw error
    } finally {
      this.close()
    }
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    closeSync(this.#options.file)
    this.#options.free(this.#bytes)
  }

  /** The room is for others at once. */
  #tear(): void {
    this.#isTorn = true
    this.close()
  }
}
