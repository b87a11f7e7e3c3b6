import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Exec, type ExecExit, type KillReport, programInside, type SandboxDriver } from '../driver.ts'
import { Backlog } from './backlog.ts'
import type { StdioLimits } from './limits.ts'
import { LineSplitter } from './lines.ts'
import { type Message, StdioFailure } from './messages.ts'
import { Multiplexer } from './multiplexer.ts'
import { type Opening, openServer } from './opening.ts'
import { redactor, shownRedactor, StreamRedactor } from './redaction.ts'
import type { SpoolSpace } from './spool.ts'
import { StderrTail } from './stderr-tail.ts'

/** What is started. */
export type ProgramSpec = {
  command: { command: string; args: readonly string[] }
  /** In the environment of this one program; never in a file, an argument or another sandbox. */
  environment: Readonly<Record<string, string>>
  workspace: string
  /** The folder with the server's files: the operator's, or a package's; null: it needs none. */
  programFolder: string | null
  /** It begins in that folder, and not in its workspace. */
  startsInFolder: boolean
}

type Options = {
  driver: SandboxDriver
  spec: ProgramSpec
  limits: StdioLimits
  spools: SpoolSpace
  isOneAgents: boolean
  onChange: (message: Message) => void
}

const nothing: KillReport = { id: '', processes: 0, survivors: [], ms: 0 }

/** A server's program running in a sandbox of its own, once: from its start to its end. */
export class Program {
  readonly multiplexer: Multiplexer
  readonly backlog: Backlog
  readonly stderr: StderrTail
  readonly sandboxId = `mcp-${randomBytes(6).toString('hex')}`
  /** Resolves with why it ended, in words that are safe to show; when nothing of it is left. */
  readonly ended: Promise<string>
  opening: Opening | null = null
  readonly #options: Options
  readonly #redact: (text: string) => string
  readonly #redactShown: (text: string) => string
  readonly #end = Promise.withResolvers<string>()
  #exec: Exec | null = null
  #why: string | null = null
  #created: Promise<unknown> | null = null
  #killed: Promise<KillReport> | null = null
  #strayBytes = 0
  #strayWhat = ''
  #straySince = performance.now()

  constructor(options: Options) {
    this.#options = options
    const { environment } = options.spec
    this.#redact = redactor(environment)
    this.#redactShown = shownRedactor(environment)
    this.stderr = new StderrTail(this.#redactShown)
    this.ended = this.#end.promise
    this.backlog = new Backlog(options.limits, (held) => this.#exec?.holdOutput(held))
    this.multiplexer = new Multiplexer({
      send: (line) => this.#write(line),
      onStray: (bytes, what) => this.#stray(bytes, what),
      onChange: options.onChange,
      isOneAgents: options.isOneAgents,
      lingerMs: options.limits.requestMs,
      onLost: ({ bytes }) => void this.kill(`it wrote a line of ${bytes} bytes that belongs to no request`),
      streams: {
        bytesMax: options.limits.streamBytesMax,
        redactor: () => new StreamRedactor(environment),
        spool: () => options.spools.open(options.limits.streamBytesMax),
        stallMs: options.limits.stallMs,
      },
    })
  }

  /** It takes nothing any more. */
  get isEnding(): boolean {
    return this.#why !== null
  }

  /** Resolves when the server can be used. Rejects with `StdioFailure` when it cannot; nothing is left then. */
  async start(known: Opening['era'] | null): Promise<Opening> {
    const { limits } = this.#options
    try {
      this.#created = this.#run()
      await this.#created
      const opening = openServer(this.multiplexer, { known, ...limits })
      opening.catch(() => {})
      const failed = this.ended.then((why) => {
        throw new StdioFailure('process_unavailable', why)
      })
      failed.catch(() => {})
      this.opening = await Promise.race([opening, failed])
      return this.opening
    } catch (error) {
      const why = error instanceof Error ? this.#redactShown(error.message) : 'it could not be started'
      await this.kill(why)
      throw new StdioFailure('process_unavailable', await this.ended)
    }
  }

  /** Asks it to end by closing its input, waits a little, and ends whatever is left. */
  async stop(why: string): Promise<KillReport> {
    this.#why ??= why
    this.#exec?.end()
    const done = new AbortController()
    const late = sleep(this.#options.limits.stopMs, null, { signal: done.signal }).catch(() => {})
    await Promise.race([this.#exec?.exited, late])
    done.abort()
    return await this.kill(why)
  }

  /** Ends it at once with everything it started, and looks until nothing is left. */
  kill(why: string): Promise<KillReport> {
    this.#why ??= why
    this.#killed ??= this.#kill()
    return this.#killed
  }

  async memoryBytes(): Promise<number | null> {
    return await this.#options.driver.stats(this.sandboxId).then(
      ({ memoryBytes }) => memoryBytes,
      () => null,
    )
  }

  async #run(): Promise<void> {
    const { driver, spec, limits } = this.#options
    const { workspace, programFolder, startsInFolder, command, environment } = spec
    await driver.create({
      id: this.sandboxId,
      workspace,
      limits: limits.sandbox,
      ...(programFolder ? { programFolder } : {}),
    })
    if (this.#killed) throw new StdioFailure('process_unavailable', this.#why ?? 'it was ended')
    const lines = new LineSplitter({
      bytesMax: limits.lineBytesMax,
      onLine: (line) => this.multiplexer.receive(this.#redact(line)),
      onLongLine: (line) => this.multiplexer.receiveLong(line),
      large: { fromBytes: limits.streamFromBytes, take: (begin) => this.multiplexer.receiveLarge(begin) },
    })
    const exec = await driver.exec(this.sandboxId, {
      argv: [command.command, ...command.args],
      env: environment,
      ...(programFolder && startsInFolder ? { cwd: programInside } : {}),
      onOutput: (stream, chunk) => {
        // Its last words may come after it has ended.
        if (stream === 'stderr') this.stderr.push(chunk)
        if (this.#killed) return
        if (stream === 'stdout') return lines.push(chunk)
        this.#stray(chunk.length, 'text on its standard error')
      },
    })
    this.#exec = exec
    void exec.exited.then((exit) => this.kill(this.#redactShown(wordsFor(exit))))
  }

  /** What it does not read waits here. */
  #write(line: string): void {
    const { inputBytesMax } = this.#options.limits
    if ((this.#exec?.waiting ?? 0) > inputBytesMax) void this.kill('it does not read what it is sent')
    else this.#exec?.write(line)
  }

  /** What is for nobody is dropped; a flood of it is no server. */
  #stray(bytes: number, what: string): void {
    const { floodMs, floodBytesMax } = this.#options.limits
    const now = performance.now()
    if (now - this.#straySince > floodMs) {
      this.#straySince = now
      this.#strayBytes = 0
    }
    this.#strayBytes += bytes
    this.#strayWhat = what
    if (this.#strayBytes > floodBytesMax) void this.kill(`it floods the platform: ${this.#strayWhat}`)
  }

  async #kill(): Promise<KillReport> {
    const { driver } = this.#options
    const why = this.#why ?? 'it was ended'
    this.multiplexer.fail(new StdioFailure('process_unavailable', why))
    // One that is still being made can be ended only when it is there.
    await this.#created?.catch(() => {})
    const report = await driver.kill(this.sandboxId).catch(() => nothing)
    this.backlog.close()
    this.#end.resolve(why)
    return report
  }
}

function wordsFor(exit: ExecExit): string {
  if (exit.kind === 'failed') return `it could not be started (${exit.code ?? 'no reason given'})`
  if (exit.kind === 'lost') return exit.message
  return exit.signal ? `it was ended by ${exit.signal}` : `it ended with exit code ${exit.code}`
}
