import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Log } from '#lib/log/log.ts'
import { taskEndedRow } from '../audit/records.ts'
import { messageFor } from '../methods.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { RpcReply } from '../upstream/http.ts'
import { processCaller } from '../upstream/pool.ts'
import { decideTask } from './offered.ts'
import { withTasks } from './replies.ts'
import { isOver, type LeftSession, type OpenTask, type TaskBook } from './task-book.ts'
import type { BrokeredTask, TaskIds } from './task-ids.ts'

type Parts = Pick<PipelineParts, 'view' | 'now' | 'upstreams' | 'audit' | 'limits'> & {
  tasks: TaskIds
  taskBook: TaskBook
  log: Log
}
type Outcome = { outcome: 'cancelled' | 'over' | 'unconfirmed'; status: string | null; message: string }

/** What a task may be that is not over, as MCP knows it. */
const openStates = ['working', 'input_required'] as const
const firstLookMs = 100
const atOnceMax = 50
const roundMs = 1000
/** What refuses the next call and ends no work that was begun: a spent budget, a new version, and that a policy could not be judged. What comes before the policies, a stop, ends it then too. */
const goesOn: ReadonlySet<string> = new Set(['budget_exceeded', 'version_mismatch', 'policy_error', 'view_stale'])

/**
 * Cancels at their servers the tasks of whoever may not go on: whoever would now be refused the call that began one. A budget that is spent, a new version and a run that has come
 * to its end end none: what was begun goes on. Cancelled is what its server says is over; what it does not say so of is tried again and stays on record as not confirmed.
 */
export class TaskEnds {
  readonly #parts: Parts
  #looking = false
  #lookedAt = Number.NEGATIVE_INFINITY
  readonly #under: Set<Promise<void>> = new Set()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** With every reload of the view, once a second at most; never rejects. */
  async recheck(): Promise<void> {
    const { taskBook, tasks, log } = this.#parts
    if (this.#looking || this.#under.size >= atOnceMax) return
    if (performance.now() - this.#lookedAt < roundMs) return
    this.#lookedAt = performance.now()
    this.#looking = true
    try {
      for (const open of await taskBook.open()) {
        if (this.#under.size >= atOnceMax) break
        const denial = this.#denialOf(open)
        const tries = denial && (await taskBook.claim(open, denial.rule))
        if (!denial || tries === null) continue
        const task = await tasks.read(open.taskId)
        if (!task) continue
        const ending = this.#end({ ...open, tries }, task, denial).finally(() => this.#under.delete(ending))
        this.#under.add(ending)
      }
      await this.#endSessions()
    } catch (error) {
      log.warn({ err: error }, 'the tasks that go on could not be looked at')
    } finally {
      this.#looking = false
    }
  }

  /** Resolves when nothing is being cancelled here any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#under)
  }

  /** Of tasks that nobody looks at any more: each for itself, since none of them is met again. */
  async #endSessions(): Promise<void> {
    const { taskBook, log } = this.#parts
    for (const left of await taskBook.leftSessions()) {
      const ending = this.#endSession(left)
        // It ends there by itself.
        .catch((error: unknown) => log.info({ err: error, serverId: left.serverId }, 'a session of a task was left'))
        .finally(() => this.#under.delete(ending))
      this.#under.add(ending)
    }
  }

  async #endSession({ serverId, agentId, open }: LeftSession): Promise<void> {
    const { view, upstreams, limits } = this.#parts
    const server = view.servers.get(serverId)
    if (!server) return
    const teamId = view.agents.get(agentId)?.teamId
    const caller = teamId === undefined ? null : processCaller({ id: agentId, teamId })
    await upstreams.connectionTo(server, caller).endSession(await open(), AbortSignal.timeout(limits.taskProofMs))
  }

  #denialOf(open: OpenTask): Denial | null {
    const decision = decideTask(this.#parts, open.caller, open)
    if (decision.ok || goesOn.has(decision.error.rule)) return null
    return decision.error.rule === 'run_not_open' && !open.runStopped ? null : decision.error
  }

  async #end(open: OpenTask & { tries: number }, task: BrokeredTask, denial: Denial): Promise<void> {
    const { taskBook, audit, view, now, log } = this.#parts
    try {
      const end = await this.#cancel(open, task).catch((error: unknown) => unconfirmed(messageOf(error)))
      await taskBook.cancelled(open, end.outcome)
      const { agentId, runId } = task
      const row = taskEndedRow({
        agent: { id: agentId, teamId: view.agents.get(agentId)?.teamId ?? null },
        runId,
        tool: { serverId: task.serverId, name: task.tool },
        rule: denial.rule,
        detail: { task: digestOf(task.id), ...end, tries: open.tries },
        now: now(),
      })
      await audit.append(row, { happened: true })
    } catch (error) {
      // It is taken up again: nobody has said that it is over.
      log.warn({ err: error, serverId: task.serverId }, 'the end of a task could not be recorded')
    }
  }

  async #cancel(open: OpenTask, task: BrokeredTask): Promise<Outcome> {
    const { view, upstreams, taskBook, limits } = this.#parts
    const server = view.servers.get(task.serverId)
    if (!server || server.url !== task.url) return unconfirmed('Its server is not registered at this address any more.')
    const teamId = view.agents.get(task.agentId)?.teamId
    const connection = upstreams.connectionTo(
      server,
      teamId === undefined ? null : processCaller({ id: task.agentId, teamId }),
    )
    const signal = AbortSignal.timeout(limits.taskProofMs)
    const session = await taskBook.sessionOf(open)
    const ask = (method: 'tasks/cancel' | 'tasks/get') => askAbout({ connection, session, signal }, method, task)
    const reply = await ask('tasks/cancel')
    // Its words are no words for the log or for whoever looks at a stop: nobody has masked them.
    const refused = reply.ok ? null : `${server.id} answered with the error ${reply.error.code}.`
    for (let ms = firstLookMs; ; ms = Math.min(ms * 2, 2000)) {
      const looked = await ask('tasks/get')
      const status = looked.ok ? looked.result['status'] : null
      if (isOver(status)) return overAs(String(status))
      if (!looked.ok || refused) return unconfirmed(refused ?? 'Its server does not say how it is.')
      if (!(await sleep(ms, true, { signal }).catch(() => false))) {
        const known = openStates.find((state) => state === status) ?? 'what MCP does not know'
        return unconfirmed(`${server.id} still says that it is ${known}.`)
      }
    }
  }
}

function askAbout(
  {
    connection,
    session,
    signal,
  }: { connection: UpstreamConnection; session: UpstreamSession | null; signal: AbortSignal },
  method: 'tasks/cancel' | 'tasks/get',
  { upstreamId, serverId }: BrokeredTask,
): Promise<RpcReply> {
  const facts = { serverId, name: method, class: 'read', state: 'approved', isMethod: true } as const
  return connection.request({
    ...messageFor({ taskId: upstreamId }, facts),
    signal,
    envelope: { capabilities: withTasks(null) },
    own: session ? { session, id: randomUUID(), cuts: false } : undefined,
  })
}

function overAs(status: string): Outcome {
  return status === 'cancelled'
    ? { outcome: 'cancelled', status, message: 'Its server says that it is cancelled.' }
    : { outcome: 'over', status, message: 'It had come to its end before.' }
}

function unconfirmed(message: string): Outcome {
  return { outcome: 'unconfirmed', status: null, message }
}

function messageOf(error: unknown): string {
  return error instanceof UpstreamFailure ? error.message.slice(0, 200) : 'Its server did not answer in time.'
}
