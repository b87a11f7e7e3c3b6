import { isRecord } from '#lib/core/is-record.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { Log } from '#lib/log/log.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import { untilAborted } from '../until-aborted.ts'
import type { RpcMessage } from '../upstream/http.ts'
import { type Asked, askIdFor } from './ask-ids.ts'
import type { Ask } from './asks.ts'
import type { AgentReply, QuestionRows } from './question-rows.ts'
import type { Talk } from './talk.ts'

const pollMs = 1000

/** Of whom something is asked, and in which call. */
export type AskedWhere = Omit<Asked, 'questionId' | 'upstreamId' | 'method'>

/**
 * Requests to agents of the sessions before 2026-07-28. On behalf of a server that knows none, each waits here, at the replica that has the
 * stream, until the agent posts its answer to whichever replica; those of a server in its own session are only noted, for it waits itself.
 */
export class Questions {
  readonly rows: QuestionRows
  readonly #log: Log
  readonly #ms: number
  readonly #waiting = new Map<string, (reply: AgentReply) => void>()
  /** Of those that are only noted. */
  readonly #noted = new Map<string, { over: () => void; forget: () => void }>()
  #timer: NodeJS.Timeout | undefined

  constructor({ rows, log, askDeadlineMs }: { rows: QuestionRows; log: Log; askDeadlineMs: number }) {
    this.rows = rows
    this.#log = log
    this.#ms = askDeadlineMs
  }

  /** The id under which a session's agent is asked what its server asks, and what `rows` knows it under. */
  async note(
    { agentId }: Caller,
    session: AgentSession,
    asked: Omit<Asked, 'questionId'>,
  ): Promise<{ questionId: string; askId: string }> {
    const questionId = await this.rows.open({ agentId, method: asked.method, ms: this.#ms })
    return { questionId, askId: askIdFor(session, { ...asked, questionId }) }
  }

  /** Rejects with the signal's reason; the agent is then told that nobody waits any more. */
  async ask(
    caller: Caller,
    talk: Talk,
    { ask, where, signal }: { ask: Ask; where: AskedWhere; signal: AbortSignal },
  ): Promise<AgentReply> {
    const asked = { ...where, upstreamId: null, method: ask.method as Asked['method'] }
    const { questionId, askId } = await untilAborted(this.note(caller, talk.session!, asked), signal)
    const { promise, resolve, reject } = Promise.withResolvers<AgentReply>()
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.set(questionId, resolve)
    this.#timer ??= setInterval(() => void this.look(), pollMs)
    try {
      if (signal.aborted) onAbort()
      const sent = talk.stream.send({ jsonrpc: '2.0', id: askId, method: ask.method, params: ask.params ?? {} })
      // An agent that does not read is not waited for longer than one that does not answer.
      sent?.catch(reject)
      return await promise
    } catch (error) {
      const params = { requestId: askId, reason: 'Nobody waits for it any more.' }
      talk.stream.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })?.catch(() => {})
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#waiting.delete(questionId)
      if (this.#waiting.size === 0) {
        clearInterval(this.#timer)
        this.#timer = undefined
      }
      this.forget([questionId])
    }
  }

  /** Takes an answer that counts to whoever waits for it, here or at another replica. */
  async deliver(questionId: string, reply: AgentReply): Promise<void> {
    const resolve = this.#waiting.get(questionId)
    if (resolve) resolve(reply)
    else await this.rows.answer(questionId, reply)
  }

  /** Calls this once when one that is only noted is answered, at whichever replica, or forgotten here; not once whoever waits is gone, or the question has ended by itself. */
  watch(questionId: string, over: () => void, gone: AbortSignal): void {
    const forget = (): void => {
      clearTimeout(timer)
      gone.removeEventListener('abort', forget)
      this.#noted.delete(questionId)
    }
    const timer = setTimeout(forget, this.#ms).unref()
    gone.addEventListener('abort', forget)
    this.#noted.set(questionId, { over, forget })
  }

  /** One that is only noted has its answer. */
  answered(questionId: string): void {
    if (this.#over(questionId)) return
    this.rows.tell(questionId).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'the replica with a call could not be told that its question is answered')
    })
  }

  #over(questionId: string): boolean {
    const noted = this.#noted.get(questionId)
    noted?.forget()
    noted?.over()
    return noted !== undefined
  }

  /** Another replica has an answer; without an id, maybe. */
  nudge(questionId: string): void {
    this.#over(questionId)
    if (questionId === '' || this.#waiting.has(questionId)) void this.look()
  }

  /** Nobody waits for them: an answer counts no more. */
  forget(questionIds: readonly string[]): void {
    for (const questionId of questionIds) this.#over(questionId)
    this.rows.close(questionIds).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'a question could not be forgotten; it ends by itself')
    })
  }

  /** Looks once for all that wait here; while the database does not answer, they go on waiting. */
  async look(): Promise<void> {
    if (this.#waiting.size === 0) return
    try {
      for (const { id, reply } of await this.rows.answers([...this.#waiting.keys()])) this.#waiting.get(id)?.(reply)
    } catch (error) {
      this.#log.warn({ err: error }, 'the answers of agents could not be looked at')
    }
  }
}

/** Null: it is neither a result nor an error. */
export function replyOf({ result, error }: RpcMessage): AgentReply | null {
  if (isRecord(result)) return { result }
  if (result !== undefined || !isRecord(error) || !Number.isSafeInteger(error['code'])) return null
  const { code, message } = error
  return { error: { code: code as number, message: typeof message === 'string' ? message : 'It failed.' } }
}
