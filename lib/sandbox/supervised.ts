import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { Exec, ExecExit, ExecSpec } from './driver.ts'
import { encodeFrame, type Frame, FrameReader, frameTypes, type FrameType } from './inside/wire.ts'

type Channel = { onOutput: ExecSpec['onOutput']; settle: (exit: ExecExit) => void }

/**
 * The service's end of the pipes to a supervisor. What comes from inside is data from a stranger: unknown channels are ignored, and
 * anything malformed is reported once to `onBroken`, whereupon the sandbox is to be ended.
 */
export class SupervisorLink {
  readonly ready: Promise<void>
  readonly #input: Writable
  readonly #output: Readable
  readonly #channels = new Map<number, Channel>()
  #last = 0
  #lost: string | null = null

  constructor(pipes: { input: Writable; output: Readable; onBroken: (error: Error) => void }) {
    this.#input = pipes.input
    this.#output = pipes.output
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ready = promise
    const reader = new FrameReader((frame) => this.#handle(frame, resolve))
    pipes.input.on('error', () => {})
    pipes.output.on('error', () => {})
    pipes.output.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk)
      } catch (error) {
        pipes.output.destroy()
        pipes.onBroken(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  exec(spec: ExecSpec & { argv: readonly string[] }): Exec {
    const channel = ++this.#last
    const { promise, resolve } = Promise.withResolvers<ExecExit>()
    const start = JSON.stringify({ argv: spec.argv, cwd: spec.cwd, env: spec.env })
    if (this.#lost === null) this.#channels.set(channel, { onOutput: spec.onOutput, settle: resolve })
    else resolve({ kind: 'lost', message: this.#lost })
    this.#send(frameTypes.start, channel, start)
    const input = this.#input
    return {
      exited: promise,
      get waiting() {
        return input.writableLength
      },
      write: (data) => {
        const bytes = Buffer.from(data)
        for (let at = 0; at < bytes.length; at += 65_536)
          this.#send(frameTypes.stdin, channel, bytes.subarray(at, at + 65_536))
      },
      end: () => this.#send(frameTypes.stdinEnd, channel),
      holdOutput: (held) => void (held ? this.#output.pause() : this.#output.resume()),
      kill: (options) => this.#send(options?.everything ? frameTypes.killEverything : frameTypes.kill, channel),
    }
  }

  /** The sandbox is gone: whatever ran in it is lost. */
  lose(message: string): void {
    this.#lost ??= message
    for (const { settle } of this.#channels.values()) settle({ kind: 'lost', message: this.#lost })
    this.#channels.clear()
  }

  #handle({ type, channel, payload }: Frame, onReady: () => void): void {
    if (type === frameTypes.ready) return onReady()
    const known = this.#channels.get(channel)
    if (!known) return
    if (type === frameTypes.stdout) known.onOutput('stdout', payload)
    else if (type === frameTypes.stderr) known.onOutput('stderr', payload)
    else if (type === frameTypes.exited || type === frameTypes.failed) {
      this.#channels.delete(channel)
      known.settle(exitFrom(type, JSON.parse(payload.toString()) as Record<string, unknown>))
    }
  }

  #send(type: FrameType, channel: number, payload: Uint8Array | string = ''): void {
    if (this.#lost === null && this.#input.writable) this.#input.write(encodeFrame(type, channel, payload))
  }
}

/** Others than who runs the program are told this: no word of it is taken that is not one of the system's own. */
function exitFrom(type: number, payload: Record<string, unknown>): ExecExit {
  const { code, signal, message } = payload
  if (type === frameTypes.failed) {
    const named = /\bE[A-Z0-9]+\b/.exec(String(message))?.[0] ?? ''
    return { kind: 'failed', code: Object.hasOwn(constants.errno, named) ? named : null }
  }
  return {
    kind: 'exited',
    code: typeof code === 'number' ? code : null,
    signal: typeof signal === 'string' && Object.hasOwn(constants.signals, signal) ? signal : null,
  }
}
