import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

/** How a process ends when nobody is left to end it: PostgreSQL alone and by SIGINT, others with their whole group by SIGTERM. */
export type EndBy = 'group' | 'postgres'

/**
 * A tiny process that outlives this one. It knows what this program has started; when this program is gone (its pipe closes), however it
 * died, it ends what is left. It is started again if somebody kills it.
 */
export class Reaper {
  private child: ChildProcess | undefined
  private readonly watched = new Map<number, EndBy>()
  private stopped = false

  start(): void {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'reaper-main.ts')], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    this.child = child
    child.stdin.on('error', () => {})
    child.once('exit', () => {
      if (!this.stopped) setTimeout(() => this.stopped || this.start(), 200).unref()
    })
    child.on('error', () => {})
    child.unref()
    for (const [pid, endBy] of this.watched) this.tell(`+ ${pid} ${endBy}`)
  }

  watch(pid: number, endBy: EndBy): void {
    this.watched.set(pid, endBy)
    this.tell(`+ ${pid} ${endBy}`)
  }

  forget(pid: number): void {
    this.watched.delete(pid)
    this.tell(`- ${pid}`)
  }

  /** Nothing is left to end: it goes too. */
  stop(): void {
    this.stopped = true
    this.child?.stdin?.end()
  }

  private tell(line: string): void {
    this.child?.stdin?.write(`${line}\n`)
  }
}
