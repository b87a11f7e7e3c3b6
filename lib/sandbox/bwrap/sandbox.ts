import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '#lib/core/errors.ts'
import type { Cgroup } from '../cgroup/cgroup.ts'
import type { Exec, ExecSpec, KillReport, SandboxInfo, SandboxSpec, SandboxStats } from '../driver.ts'
import { SupervisorLink } from '../supervised.ts'
import { environmentInside, workspaceInside } from './arguments.ts'
import type { Launched } from './launch.ts'
import { killProcess, pidNamespace, processesIn } from './processes.ts'

const startMsMax = 15_000
const killMsMax = 5_000
const stderrMax = 4_000

type Options = {
  spec: SandboxSpec
  launched: Launched
  cgroup: Cgroup | null
  /** Runs in a shell before every program: limits that count inside. */
  prelude: string
  onEnd: () => void
}

/** One running sandbox: bwrap, the first process inside, and everything below it. */
export class BwrapSandbox {
  readonly spec: SandboxSpec
  readonly startedAt = new Date()
  startMs = 0
  readonly #child: ChildProcess
  readonly #cgroup: Cgroup | null
  readonly #prelude: string
  readonly #link: SupervisorLink
  readonly #ended: Promise<void>
  readonly #first = Promise.withResolvers<number>()
  #firstPid: number | null = null
  #namespace: string | null = null
  #stderr = ''
  #isOver = false

  constructor(options: Options) {
    const { child, stdin, stdout, stderr, status } = options.launched
    this.spec = options.spec
    this.#child = child
    this.#cgroup = options.cgroup
    this.#prelude = options.prelude
    this.#link = new SupervisorLink({ input: stdin, output: stdout, onBroken: () => void this.kill() })
    stderr.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-stderrMax)))
    this.#readStatus(status)
    this.#ended = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.#stderr += error.message
        resolve()
      })
      child.once('exit', () => resolve())
    }).then(() => this.#end(options.onEnd))
  }

  get info(): SandboxInfo {
    const { id, workspace } = this.spec
    return { id, workspace, startedAt: this.startedAt, startMs: this.startMs }
  }

  /** Resolves when programs can be started; throws `unavailable` with what bwrap said. */
  async started(): Promise<void> {
    const began = performance.now()
    const outcome = await Promise.race([
      Promise.all([this.#link.ready, this.#first.promise]).then(() => 'ready' as const),
      this.#ended.then(() => 'ended' as const),
      sleep(startMsMax, 'late' as const, { ref: false }),
    ])
    if (outcome === 'ready') {
      this.#namespace = await pidNamespace(await this.#first.promise)
      this.startMs = Math.round(performance.now() - began)
      return
    }
    await this.kill()
    const why =
      this.#stderr.trim() || (outcome === 'late' ? `nothing happened for ${startMsMax} ms` : 'it ended at once')
    throw new DomainError('unavailable', `The sandbox could not be started: ${why}`)
  }

  exec(spec: ExecSpec): Exec {
    const argv = ['/bin/bash', '-c', `${this.#prelude}; exec "$@"`, 'exec', ...spec.argv] as const
    return this.#link.exec({
      ...spec,
      argv,
      cwd: spec.cwd ?? workspaceInside,
      env: { ...environmentInside, ...spec.env },
    })
  }

  async stats(): Promise<SandboxStats> {
    const usage = await this.#cgroup?.usage()
    const processes = (await this.#members()).length
    return { memoryBytes: null, cpuMs: null, memoryKills: 0, ...usage, processes }
  }

  /** Ends everything at once, then looks until nothing is left. */
  async kill(): Promise<KillReport> {
    const began = performance.now()
    const before = await this.#members()
    let survivors = before
    do {
      await this.#killEverything()
      survivors = await this.#members()
      // The group is the quick way to look; the namespace is the proof.
      if (!survivors.length && this.#cgroup && this.#namespace) survivors = await processesIn(this.#namespace)
      if (survivors.length) await sleep(5)
    } while (survivors.length && performance.now() - began < killMsMax)
    await Promise.race([this.#ended, sleep(killMsMax, null, { ref: false })])
    return { id: this.spec.id, processes: before.length, survivors, ms: Math.round(performance.now() - began) }
  }

  async #killEverything(): Promise<void> {
    // Its death is the death of its namespace; asking first makes sure that the number is still its own.
    const first = this.#firstPid
    if (first && this.#namespace && (await pidNamespace(first)) === this.#namespace) killProcess(first)
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#cgroup?.kill()
  }

  async #members(): Promise<number[]> {
    if (this.#cgroup) return await this.#cgroup.members()
    return this.#namespace ? await processesIn(this.#namespace) : []
  }

  async #end(onEnd: () => void): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    const usage = await this.#cgroup?.usage().catch(() => null)
    for (let rounds = 0; rounds < 500 && (await this.#members()).length; rounds++) {
      await this.#cgroup?.kill()
      await sleep(2)
    }
    await this.#cgroup?.remove().catch(() => {})
    onEnd()
    // Last, so that whoever hears of it may use the workspace again.
    this.#link.lose(
      usage?.memoryKills ? 'The sandbox ran out of memory and was ended.' : 'The sandbox was ended while this ran.',
    )
  }

  /** bwrap says the first process's host id as the first of several JSON documents. */
  #readStatus(status: Options['launched']['status']): void {
    let text = ''
    status.on('error', () => {})
    status.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1]
      if (!pid || this.#firstPid) return
      this.#firstPid = Number(pid)
      this.#first.resolve(this.#firstPid)
    })
    void once(status, 'close').catch(() => {})
  }
}
