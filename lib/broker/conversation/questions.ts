import { randomUUID } from 'node:crypto'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { Ask } from './asks.ts'
import type { Talk } from './talk.ts'

/** An agent's answer: what it said, or the error it answered with. */
export type AgentReply = { result: Record<string, unknown> } | { error: { code: number; message: string } }

/**
 * Requests to agents of the sessions before 2026-07-28 on behalf of servers that know none: each waits here, at the replica that has the
 * stream, until the agent posts its answer.
 */
export class Questions {
  readonly #waiting = new Map<string, (reply: AgentReply) => void>()

  /** Rejects with the signal's reason; the agent is then told that nobody waits any more. */
  async ask(caller: Caller, talk: Talk, { ask, signal }: { ask: Ask; signal: AbortSignal }): Promise<AgentReply> {
    signal.throwIfAborted()
    const id = `wheelhouse-${randomUUID()}`
    const key = keyOf(caller, talk.session?.name, id)
    const { promise, resolve, reject } = Promise.withResolvers<AgentReply>()
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.set(key, resolve)
    try {
      const sent = talk.stream.send({ jsonrpc: '2.0', id, method: ask.method, params: ask.params ?? {} })
      // An agent that does not read is not waited for longer than one that does not answer.
      sent?.catch(reject)
      return await promise
    } catch (error) {
      const params = { requestId: id, reason: 'Nobody waits for it any more.' }
      talk.stream.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })?.catch(() => {})
      throw error
    } finally {
      this.#waiting.delete(key)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Whether somebody waited for this answer. */
  answer(caller: Caller, session: string | undefined, body: RpcMessage): boolean {
    const { id, result, error } = body
    const resolve = this.#waiting.get(keyOf(caller, session, String(id)))
    if (!resolve) return false
    if (typeof result === 'object' && result !== null) resolve({ result: result as Record<string, unknown> })
    else {
      const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
      resolve({
        error: { code: Number(code) || -32603, message: typeof message === 'string' ? message : 'It failed.' },
      })
    }
    return true
  }
}

/** An answer counts for the agent, run and session that was asked only. */
function keyOf({ agentId, runId }: Caller, session: string | undefined, id: string): string {
  return JSON.stringify([agentId, runId, session ?? null, id])
}
