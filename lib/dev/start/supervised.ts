import { type ChildProcess, spawn } from 'node:child_process'
import type { Output } from './output.ts'
import type { Reaper } from './reaper.ts'
import { killGroup } from './tool.ts'

export type ProcessSpec = {
  name: string
  command: string
  args: string[]
  env: NodeJS.ProcessEnv
  cwd: string
}

export const backOff = { firstMs: 500, maxMs: 30_000, steadyMs: 60_000 }

/** The pause before the next start of a process that has ended `failures` times in a row. */
export function restartDelay(failures: number): number {
  return Math.min(backOff.firstMs * 2 ** Math.max(failures - 1, 0), backOff.maxMs)
}

/** One process that is meant to run until it is told to stop: started again, with growing pauses, whenever it ends by itself. */
export class Supervised {
  readonly spec: ProcessSpec
  private readonly output: Output
  private readonly reaper: Reaper
  private child: ChildProcess | undefined
  private failures = 0
  private stopping = false
  private restart: NodeJS.Timeout | undefined

  constructor(spec: ProcessSpec, parts: { output: Output; reaper: Reaper }) {
    this.spec = spec
    this.output = parts.output
    this.reaper = parts.reaper
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  /** How often it has ended without being told to since it last ran steadily. */
  get failureCount(): number {
    return this.failures
  }

  start(): void {
    const child = spawn(this.spec.command, this.spec.args, {
      cwd: this.spec.cwd,
      env: this.spec.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that it can be ended with everything it has started.
      detached: true,
    })
    this.child = child
    const startedAt = Date.now()
    this.output.attach(child.stdout)
    this.output.attach(child.stderr)
    if (child.pid) this.reaper.watch(child.pid, 'group')
    child.once('error', (error) => this.output.line(`could not be started: ${error.message}`))
    child.once('close', (code, signal) => this.ended(child, { startedAt, how: signal ?? `code ${code}` }))
  }

  /** Asks it to end, waits, then ends its whole group. Safe to call twice. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true
    clearTimeout(this.restart)
    const child = this.child
    if (!child || !isRunning(child)) return
    const closed = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    const impatience = setTimeout(() => {
      this.output.line(`did not end within ${graceMs} ms, so it is ended by force`)
      this.kill()
    }, graceMs)
    await closed
    clearTimeout(impatience)
    this.kill()
  }

  /** Ends it and everything it has started, at once. */
  kill(): void {
    this.stopping = true
    clearTimeout(this.restart)
    if (this.child?.pid) killGroup(this.child.pid)
  }

  private ended(child: ChildProcess, run: { startedAt: number; how: string }): void {
    if (child.pid) {
      killGroup(child.pid)
      this.reaper.forget(child.pid)
    }
    if (this.stopping) return
    this.failures = Date.now() - run.startedAt > backOff.steadyMs ? 1 : this.failures + 1
    const delay = restartDelay(this.failures)
    this.output.line(`ended (${run.how}), starts again in ${delay / 1000} s`)
    this.restart = setTimeout(() => this.start(), delay)
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}
