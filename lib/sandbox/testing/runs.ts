import { setTimeout as sleep } from 'node:timers/promises'
import { Anthropic } from '@anthropic-ai/sdk'
import type { Db } from '#lib/db/client.ts'

type Event = Anthropic.Beta.Sessions.BetaManagedAgentsSessionEvent

export type TestRun = { agentId: string; runId: string; sessionId: string }

/** What a version of an agent is rendered to, with small limits for its sandbox. */
export const rendered = {
  model: 'claude-sonnet-5-5',
  system: 'Test.',
  tools: [],
  mcpServers: [],
  limits: {
    turnsMax: 10,
    deadlineMinutes: 10,
    runBudgetMicros: 1_000_000,
    sandbox: { memoryMb: 256, cpus: 1, processes: 64, diskMb: 32, commandSeconds: 30 },
  },
}

/** Sessions at a real Claude server and the runs behind them, as the harness makes them. */
export class TestRuns {
  readonly #client: Anthropic
  readonly #db: Db

  constructor(options: { db: Db; url: string; apiKey: string }) {
    this.#db = options.db
    this.#client = new Anthropic({ baseURL: options.url, apiKey: options.apiKey, authToken: null, logLevel: 'off' })
  }

  /** A session on a new agent with bash; it has no run and was told nothing yet. */
  async startSession(): Promise<string> {
    const { beta } = this.#client
    const agent = await beta.agents.create({
      name: 'Tester',
      model: 'claude-sonnet-5-5',
      system: 'Test.',
      tools: [
        {
          type: 'agent_toolset_20260401',
          default_config: { enabled: false },
          configs: [{ name: 'bash', enabled: true }],
        },
      ],
    })
    const session = await beta.sessions.create({
      agent: { type: 'agent', id: agent.id, version: agent.version },
      environment_id: 'env_wheelhouse',
    })
    return session.id
  }

  async say(sessionId: string, text: string): Promise<void> {
    await this.#client.beta.sessions.events.send(sessionId, {
      events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
    })
  }

  /** An open run of the agent, whose session was told the command to run. */
  async start(agentId: string, command: string): Promise<TestRun> {
    const sessionId = await this.startSession()
    const data = {
      agentId,
      agentVersion: 1,
      trigger: 'manual',
      state: 'running',
      input: command,
      simulated: true,
    } as const
    const { id } = await this.#db.run.create({ data: { ...data, claudeSessionId: sessionId } })
    await this.say(sessionId, command)
    return { agentId, runId: id, sessionId }
  }

  /** As the harness ends a run. */
  async end({ runId, sessionId }: TestRun): Promise<void> {
    await this.#db.run.update({ where: { id: runId }, data: { state: 'stopped', endedAt: new Date() } })
    await this.archive(sessionId)
  }

  async archive(sessionId: string): Promise<void> {
    await this.#client.beta.sessions.archive(sessionId)
  }

  /** The texts of the tool results so far. */
  async results(sessionId: string): Promise<string[]> {
    return (await this.#events(sessionId)).flatMap((event) => {
      if (event.type !== 'user.tool_result') return []
      return [(event.content ?? []).map((block) => (block.type === 'text' ? block.text : block.type)).join('')]
    })
  }

  /** Resolves with the texts of all tool results when the session's turn has ended. */
  async finished(sessionId: string, withinMs = 20_000): Promise<string[]> {
    const until = Date.now() + withinMs
    while (!endsTurn((await this.#events(sessionId)).at(-1))) {
      if (Date.now() > until) throw new Error(`session ${sessionId} has not finished within ${withinMs} ms`)
      await sleep(50)
    }
    return await this.results(sessionId)
  }

  async #events(sessionId: string): Promise<Event[]> {
    const events: Event[] = []
    for await (const event of this.#client.beta.sessions.events.list(sessionId)) events.push(event)
    return events
  }
}

/** A session that waits for a tool's result is idle, too. */
function endsTurn(event: Event | undefined): boolean {
  return event?.type === 'session.status_idle' && event.stop_reason.type !== 'requires_action'
}
