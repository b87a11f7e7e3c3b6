import type { Denial } from '#lib/guardrails/schema.ts'
import { AskRefused } from '../conversation/refusal.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { pause } from '../until-aborted.ts'

// To wait for a task's result is one request of the agent and many to the server: each of these counts as any other.

const leastMs = 20

/**
 * Counts one more request to a server for one of an agent, when both have one left; until then it waits, and the signal's end ends that. The first was counted
 * when the agent's own request was.
 */
export async function countRequest(
  { rates }: Pick<PipelineParts, 'rates'>,
  { caller, talk }: Pick<AgentRequest, 'caller' | 'talk'>,
  { serverId, signal }: { serverId: string; signal: AbortSignal },
): Promise<void> {
  talk.requests += 1
  if (talk.requests === 1) return
  await untilTaken(() => rates.takeForAgent(caller.agentId), signal)
  await untilTaken(() => rates.takeForServer(serverId), signal)
}

async function untilTaken(take: () => Denial | null, signal: AbortSignal): Promise<void> {
  for (let refused = take(); refused; refused = take()) {
    const wait = refused.facts?.['retryAfterMs']
    await pause(Math.max(leastMs, typeof wait === 'number' ? wait : 0), signal)
  }
}

/** How many results of tasks each agent waits for at this replica. */
export class TaskWaits {
  readonly #waits = new Map<string, number>()

  /** Counts one while it is waited for; throws when the agent has as many as it may. */
  async during<T>(agentId: string, max: number, wait: () => Promise<T>): Promise<T> {
    const before = this.#waits.get(agentId) ?? 0
    if (before >= max) {
      const message = `${agentId} waits for the results of ${max} tasks already. Ask again when one of them is there.`
      throw new AskRefused({ rule: 'calls_at_once', message, facts: { scope: 'agent', used: before, atOnce: max } })
    }
    this.#waits.set(agentId, before + 1)
    try {
      return await wait()
    } finally {
      const after = this.#waits.get(agentId)! - 1
      if (after === 0) this.#waits.delete(agentId)
      else this.#waits.set(agentId, after)
    }
  }
}
