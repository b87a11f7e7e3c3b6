import type { Anthropic } from '@anthropic-ai/sdk'
import { withDomainErrors } from './port/errors.ts'
import { followSession } from './port/follow.ts'
import { toAgentView, toSessionView } from './port/views.ts'
import type { ClaudeAgentView, ClaudeEvent, ClaudeSessionStatus, ClaudeSessionView } from './schema.ts'

/** What the port reads. Every function throws a DomainError: `not_found`, `rate_limited`, `invalid` or `unavailable`. */
export type ClaudeQueries = {
  /** One version of an agent, exactly that one. */
  getAgent(id: string, version: number): Promise<ClaudeAgentView>
  /** Every agent of the organization, archived ones too: for reconciling with the registry. */
  listAgents(): AsyncGenerator<ClaudeAgentView, void, void>
  getSession(id: string): Promise<ClaudeSessionView>
  /** Newest first, archived ones too; the filters combine. */
  listSessions(filter?: {
    agentId?: string
    statuses?: readonly ClaudeSessionStatus[]
    createdSince?: Date
  }): AsyncGenerator<ClaudeSessionView, void, void>
  /** The processed and queued events of a session in order, from the first. */
  listEvents(sessionId: string): Promise<ClaudeEvent[]>
  /** See `followSession`: every event once, history first, reconnecting by itself until the session or the signal ends. */
  streamEvents(sessionId: string, signal: AbortSignal): AsyncGenerator<ClaudeEvent, void, void>
  /** Waiting and claimed items of an environment's queue, and how many workers polled it in the last 30 seconds. */
  workStats(environmentId: string): Promise<{ waiting: number; claimed: number; workers: number | null }>
}

export function createClaudeQueries(client: Anthropic): ClaudeQueries {
  return {
    async getAgent(id, version) {
      return toAgentView(
        await withDomainErrors('read an agent', async () => client.beta.agents.retrieve(id, { version })),
      )
    },
    async *listAgents() {
      yield* pages('list agents', client.beta.agents.list({ include_archived: true, limit: 100 }), toAgentView)
    },
    async getSession(id) {
      return toSessionView(await withDomainErrors('read a session', async () => client.beta.sessions.retrieve(id)))
    },
    async *listSessions(filter = {}) {
      const sessions = client.beta.sessions.list({
        include_archived: true,
        limit: 100,
        ...(filter.agentId ? { agent_id: filter.agentId } : {}),
        ...(filter.statuses ? { statuses: [...filter.statuses] } : {}),
        ...(filter.createdSince ? { 'created_at[gte]': filter.createdSince.toISOString() } : {}),
      })
      yield* pages('list sessions', sessions, toSessionView)
    },
    async listEvents(sessionId) {
      const events: ClaudeEvent[] = []
      const all = client.beta.sessions.events.list(sessionId, { limit: 1000 })
      for await (const event of pages('list events', all, (event) => event)) events.push(event)
      return events
    },
    streamEvents(sessionId, signal) {
      return followSession({ client, sessionId, signal })
    },
    async workStats(environmentId) {
      const stats = await withDomainErrors('read the work queue', async () =>
        client.beta.environments.work.stats(environmentId),
      )
      return { waiting: stats.depth, claimed: stats.pending, workers: stats.workers_polling }
    },
  }
}

async function* pages<Row, View>(
  what: string,
  rows: AsyncIterable<Row>,
  toView: (row: Row) => View,
): AsyncGenerator<View, void, void> {
  const iterator = rows[Symbol.asyncIterator]()
  while (true) {
    const next = await withDomainErrors(what, async () => iterator.next())
    if (next.done) return
    yield toView(next.value)
  }
}
