import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Anthropic } from '@anthropic-ai/sdk'
import type { BetaRunnableTool } from '@anthropic-ai/sdk/lib/tools/BetaRunnableTool'
import type { Log } from '#lib/log/log.ts'
import type { SandboxFile } from './driver.ts'
import { withGuard } from './guarded-tool.ts'
import type { SandboxMetrics } from './metrics.ts'
import type { Served, Sessions } from './sessions.ts'
import { sandboxTools } from './tools.ts'

type Work = Anthropic.Beta.Environments.BetaSelfHostedWork

type Options = {
  client: Anthropic
  environmentKey: string
  environmentId: string
  instance: string
  sessions: Sessions
  sessionsMax: number
  /** For what the SDK downloads for a session before its sandbox exists. */
  stagingFolder: string
  metrics: SandboxMetrics
  log: Log
  /** A session is over for this worker, and its sandbox is gone. */
  onServed: (sessionId: string) => void
}

// The server holds an empty poll for a second; the pause after it leaves room for others under the API's limit of requests.
const pauseMs = { min: 200, max: 600 }
/** A poller that cannot reach the server waits longer and longer; a new one begins again after this. */
const pollerMsMax = 10_000
/** How long a session that has ended its turn keeps its sandbox, for a next message. */
const idleMsMax = 15_000

/** Takes sessions from an environment's work queue, several at once, and serves their tool calls in sandboxes. */
export class SandboxWorker {
  readonly #options: Options
  /** No more intake. */
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()
  #polling: Promise<void> = Promise.resolve()
  #polledAt = -Infinity

  constructor(options: Options) {
    this.#options = options
  }

  start(): void {
    this.#polling = this.#run()
  }

  /** Takes nothing new and resolves when what was taken is done. */
  async drain(): Promise<void> {
    this.#closing.abort()
    await this.#polling
    while (this.#running.size) await Promise.all(this.#running)
  }

  /** Milliseconds since the queue answered; 0 while every place is taken and there is nothing to ask for. */
  get queueAgeMs(): number {
    return this.#isFull ? 0 : performance.now() - this.#polledAt
  }

  get #isFull(): boolean {
    return this.#running.size >= this.#options.sessionsMax
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        await this.#poll()
      } catch (error) {
        if (signal.aborted) return
        this.#options.log.warn({ err: error }, 'the work queue refuses: trying again')
        await sleep(2000, null, { signal }).catch(() => {})
      }
    }
  }

  /** Returns when closing; throws when the queue refuses for good. */
  async #poll(): Promise<void> {
    const { client, environmentId, environmentKey, instance } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      while (this.#isFull && !signal.aborted) await Promise.race(this.#running)
      const poller = client.beta.environments.work.poller({
        environmentId,
        environmentKey,
        workerId: instance,
        signal: AbortSignal.any([signal, AbortSignal.timeout(pollerMsMax)]),
        autoStop: false,
        drain: true,
      })
      for await (const work of poller) {
        this.#polledAt = performance.now()
        this.#begin(work)
        if (this.#isFull) break
      }
      // Only an answer ends a poller before its time.
      if (!poller.signal.aborted) this.#polledAt = performance.now()
      const pause = pauseMs.min + Math.random() * (pauseMs.max - pauseMs.min)
      await sleep(pause, null, { signal }).catch(() => {})
    }
  }

  #begin(work: Work): void {
    const { metrics, log, onServed } = this.#options
    const facts = { workId: work.id, sessionId: work.data.id }
    const running: Promise<void> = this.#serve(work)
      .then(
        () => metrics.worked('done'),
        (error: unknown) => {
          metrics.worked('failed')
          log.warn({ err: error, ...facts }, 'work item failed')
        },
      )
      .finally(() => {
        this.#running.delete(running)
        onServed(work.data.id)
      })
    this.#running.add(running)
    log.info(facts, 'work item taken')
  }

  async #serve(work: Work): Promise<void> {
    const { client, sessions, stagingFolder } = this.#options
    if (work.data.type !== 'session') {
      // A question whether a worker is there: taking it was the answer.
      await client.beta.environments.work.stop(work.id, { environment_id: work.environment_id, force: true })
      return
    }
    const staging = join(stagingFolder, work.id)
    await mkdir(staging, { recursive: true, mode: 0o700 })
    try {
      await sessions.serve(work.data.id, {
        files: async () => await readStaged(staging),
        work: async (session) => await this.#handle(work, session, staging),
      })
    } finally {
      await rm(staging, { recursive: true, force: true })
    }
  }

  /** Heartbeats, tool calls and the item's end are the SDK's; the tools are ours. */
  async #handle(work: Work, session: Served, workdir: string): Promise<void> {
    const { client, environmentKey, metrics } = this.#options
    const tools = (): BetaRunnableTool[] =>
      sandboxTools(session.sandbox).map((tool) => withGuard(tool, { sandbox: session.sandbox, metrics }))
    await client.beta.environments.work
      .worker({ environmentKey, tools, workdir, maxIdleMs: idleMsMax, memorySyncIntervalMs: null })
      .handleItem({
        workId: work.id,
        environmentId: work.environment_id,
        sessionId: work.data.id,
        ...(work.secret ? { workSecret: work.secret } : {}),
        signal: session.signal,
      })
  }
}

/** What the SDK put down for the session (an agent's skills), to be put into its workspace. */
async function readStaged(folder: string): Promise<SandboxFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name)
        return { path: relative(folder, path), content: await readFile(path) }
      }),
  )
}
