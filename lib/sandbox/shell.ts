import { randomUUID } from 'node:crypto'
import type { Exec, ExecExit, SandboxDriver } from './driver.ts'
import { BoundedOutput } from './output.ts'
import { endedBy, obeyed } from './run.ts'

export type ShellOutcome = {
  output: string
  /** The command's exit code; null when it was ended, or ended the shell itself by a signal. */
  code: number | null
  ended: 'timeout' | 'output' | 'aborted' | null
  /** The next command gets a new shell: this one is gone. */
  shellEnded: boolean
  /** Why the whole sandbox is gone, if it is. */
  lost: string | null
}

export type ShellLimits = { keepBytes: number; outputBytesMax: number }

// Commands and marks come NUL-ended on a descriptor that no command sees; `eval` keeps a syntax error inside its command. The inner
// shell writes to a real pipe, because programs cannot open /dev/stdout when it is a socket.
const loop = `while IFS= read -r -d '' -u 3 __command && IFS= read -r -d '' -u 3 __mark; do
eval "$__command" 3<&-
printf '\\n%s %d\\n' "$__mark" "$?"
done`
const script = 'exec 3<&0 </dev/null; exec /bin/bash --noprofile --norc -c "$0" > >(exec /bin/cat) 2>&1'

/** A bash that lives from command to command (working directory, variables, background jobs), one command at a time. */
export class Shell {
  readonly #sandbox: { driver: SandboxDriver; id: string }
  readonly #limits: ShellLimits
  #turn: Promise<unknown> = Promise.resolve()
  #exec: Exec | null = null
  #onChunk: (chunk: Buffer) => void = () => {}

  constructor(sandbox: { driver: SandboxDriver; id: string }, limits: ShellLimits) {
    this.#sandbox = sandbox
    this.#limits = limits
  }

  /** Throws `not_found` when the sandbox is gone before it begins. */
  run(command: string, options: { timeoutMs: number; signal?: AbortSignal | undefined }): Promise<ShellOutcome> {
    const outcome = this.#turn.then(() => this.#run(command, options))
    this.#turn = outcome.catch(() => {})
    return outcome
  }

  /** Ends the shell with everything that was ever started from it. */
  async restart(): Promise<void> {
    const { driver, id } = this.#sandbox
    const exec = this.#exec
    this.#exec = null
    if (!exec) return
    exec.kill({ everything: true })
    await obeyed(driver, id, exec)
  }

  async #run(command: string, options: { timeoutMs: number; signal?: AbortSignal | undefined }): Promise<ShellOutcome> {
    const { driver, id } = this.#sandbox
    const exec = (this.#exec ??= await this.#start())
    const mark = randomUUID()
    const listener = new MarkedOutput(mark, this.#limits)
    this.#onChunk = (chunk) => listener.push(chunk)
    exec.write(`${command.replaceAll('\0', '')}\0${mark}\0`)
    const wait = { ...options, flood: listener.flood }
    const ended = await Promise.race([listener.code.then(() => null), endedBy(exec, wait)])
    this.#onChunk = () => {}
    if (listener.value !== null)
      return { output: listener.text(), code: listener.value, ended: null, shellEnded: false, lost: null }
    this.#exec = null
    if (ended) {
      exec.kill({ everything: true })
      await obeyed(driver, id, exec)
    }
    const exit = await exec.exited
    const lost = exit.kind === 'lost' && !ended ? exit.message : null
    return { output: listener.text(), code: ended ? null : codeOf(exit), ended, shellEnded: true, lost }
  }

  async #start(): Promise<Exec> {
    const { driver, id } = this.#sandbox
    return await driver.exec(id, {
      argv: ['/bin/bash', '--noprofile', '--norc', '-c', script, loop],
      onOutput: (_, chunk) => this.#onChunk(Buffer.from(chunk)),
    })
  }
}

/** Output up to a mark and the exit code behind it. The mark is random: a command prints it only if it looks for it. */
class MarkedOutput {
  readonly code: Promise<number>
  readonly flood: Promise<'output'>
  value: number | null = null
  readonly #mark: Buffer
  readonly #output: BoundedOutput
  readonly #max: number
  readonly #found = Promise.withResolvers<number>()
  readonly #flooded = Promise.withResolvers<'output'>()
  #pending = Buffer.alloc(0)

  constructor(mark: string, limits: ShellLimits) {
    this.#mark = Buffer.from(`\n${mark} `)
    this.#output = new BoundedOutput(limits.keepBytes)
    this.#max = limits.outputBytesMax
    this.code = this.#found.promise
    this.flood = this.#flooded.promise
  }

  push(chunk: Buffer): void {
    if (this.value !== null) return
    this.#pending = Buffer.concat([this.#pending, chunk])
    const at = this.#pending.indexOf(this.#mark)
    const end = at < 0 ? -1 : this.#pending.indexOf(10, at + this.#mark.length)
    // The last bytes may be the beginning of the mark, which may come in pieces.
    const safe = at >= 0 ? at : Math.max(0, this.#pending.length - this.#mark.length)
    this.#output.push(this.#pending.subarray(0, safe))
    if (this.#output.total > this.#max) this.#flooded.resolve('output')
    if (end >= 0) {
      this.value = Number(this.#pending.subarray(at + this.#mark.length, end).toString())
      this.#found.resolve(this.value)
    }
    this.#pending = this.#pending.subarray(end >= 0 ? this.#pending.length : safe)
  }

  text(): string {
    if (this.value === null) this.#output.push(this.#pending)
    this.#pending = Buffer.alloc(0)
    return this.#output.text().replace(/\n+$/, '')
  }
}

function codeOf(exit: ExecExit): number | null {
  return exit.kind === 'exited' ? exit.code : null
}
