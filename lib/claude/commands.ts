import type { Anthropic } from '@anthropic-ai/sdk'
import { setTimeout as sleep } from 'node:timers/promises'
import { claudeServerOf } from '#lib/core/claude-server.ts'
import { DomainError } from '#lib/core/errors.ts'
import { createClient } from './port/client.ts'
import { withDomainErrors } from './port/errors.ts'
import { createRateLimiter } from './port/rate-limit.ts'
import { toAgentView, toMoney, toSessionView } from './port/views.ts'
import { type ClaudeQueries, createClaudeQueries } from './queries.ts'
import {
  anthropicLimits,
  type ClaudeAgentRef,
  type ClaudeAgentSpec,
  type ClaudeCapabilities,
  type ClaudeInput,
  type ClaudeLimits,
  type ClaudeSessionView,
  type CreateSessionInput,
} from './schema.ts'

export type ClaudePortOptions = {
  baseUrl: string
  apiKey: string
  limits?: ClaudeLimits
  capabilities?: Partial<ClaudeCapabilities>
  /** Milliseconds one request may take; 30 s by default. */
  timeoutMs?: number
}

/** What the port changes. Nothing here is called inside of a database transaction. Errors as in `ClaudeQueries`, and `conflict`. */
export type ClaudeCommands = {
  /** The oldest live self-hosted environment of that name; made when there is none. Two at once end with the same id. */
  ensureEnvironment(name: string): Promise<{ id: string }>
  createAgent(spec: ClaudeAgentSpec): Promise<ClaudeAgentRef>
  /** Adds an immutable version; `conflict` when the newest version is not `expectedVersion`. An update that changes nothing keeps the version. */
  updateAgent(input: { id: string; expectedVersion: number; spec: ClaudeAgentSpec }): Promise<ClaudeAgentRef>
  /** For good. Open sessions go on: interrupt and archive them too. */
  archiveAgent(id: string): Promise<void>
  /** A session on exactly one agent version, never "latest" and never with overrides. */
  createSession(input: CreateSessionInput): Promise<ClaudeSessionView>
  sendEvents(sessionId: string, events: readonly ClaudeInput[]): Promise<void>
  sendMessage(sessionId: string, text: string): Promise<void>
  answerCustomTool(sessionId: string, answer: { eventId: string; text: string; isError?: boolean }): Promise<void>
  /** Allows or denies a call that waits for a person. */
  confirmTool(sessionId: string, verdict: { eventId: string; allow: boolean; message?: string }): Promise<void>
  /** Stops the turn in progress; on an idle session it does nothing. Read the session afterwards for the proof. */
  interrupt(sessionId: string): Promise<void>
  /** For good; the session becomes terminated. A session that is gone already counts as archived. */
  archiveSession(id: string): Promise<void>
  createVault(input: { name: string; metadata: Readonly<Record<string, string>> }): Promise<{ id: string }>
  /** A bearer token that is sent to exactly this MCP server address; it is never returned again. */
  createCredential(input: {
    vaultId: string
    mcpServerUrl: string
    token: string
    name: string
  }): Promise<{ id: string }>
  /** Replaces the token; calls in flight keep the one they started with. */
  rotateCredential(input: { vaultId: string; credentialId: string; token: string }): Promise<void>
  /** With all its credentials. A vault that is gone already counts as deleted. */
  deleteVault(id: string): Promise<void>
}

/** How long the creation of an environment may take to show in the list. */
const settleMs = 1_000

export type ClaudePort = ClaudeQueries &
  ClaudeCommands & {
    readonly capabilities: ClaudeCapabilities
    /** Which server speaks. */
    readonly server: string
  }

/** The one way from our processes to Claude Managed Agents, whichever server speaks it. Make one per process: it holds the rate limiter. */
export function createClaudePort(options: ClaudePortOptions): ClaudePort {
  const limiter = createRateLimiter(options.limits ?? anthropicLimits)
  const client = createClient({
    baseUrl: options.baseUrl,
    apiKey: options.apiKey,
    limiter,
    timeoutMs: options.timeoutMs ?? 30_000,
  })
  const capabilities = { budgets: true, simulatedModel: false, ...options.capabilities }
  const server = claudeServerOf(options.baseUrl)
  return { ...createClaudeQueries(client), ...createCommands(client, capabilities), capabilities, server }
}

function createCommands(client: Anthropic, capabilities: ClaudeCapabilities): ClaudeCommands {
  const { beta } = client

  async function sendEvents(sessionId: string, events: readonly ClaudeInput[]): Promise<void> {
    await withDomainErrors('send to a session', async () =>
      beta.sessions.events.send(sessionId, { events: [...events] }),
    )
  }

  return {
    async ensureEnvironment(name) {
      const found = await oldestEnvironment(client, name)
      if (found) return found
      await withDomainErrors('create an environment', async () =>
        beta.environments.create({ name, config: { type: 'self_hosted' } }),
      )
      // Another process may be doing the same: once both are listed, both pick the same one.
      await sleep(settleMs)
      const made = await oldestEnvironment(client, name)
      if (!made) throw new DomainError('unavailable', `Claude does not list the environment ${name} it has just made.`)
      return made
    },

    async createAgent(spec) {
      return toRef(await withDomainErrors('create an agent', async () => beta.agents.create(toAgentParams(spec))))
    },
    async updateAgent({ id, expectedVersion, spec }) {
      const params = { ...toAgentParams(spec), version: expectedVersion }
      return toRef(await withDomainErrors('update an agent', async () => beta.agents.update(id, params)))
    },
    async archiveAgent(id) {
      await withDomainErrors('archive an agent', async () => beta.agents.archive(id))
    },

    async createSession(input) {
      const budget = input.budgetMicros
      if (budget !== undefined && !capabilities.budgets) {
        throw new DomainError('unavailable', 'This Claude server does not enforce budgets, so the run is not started.')
      }
      const session = await withDomainErrors('create a session', async () =>
        beta.sessions.create({
          agent: { type: 'agent', id: input.agent.id, version: input.agent.version },
          environment_id: input.environmentId,
          vault_ids: [...input.vaultIds],
          title: input.title,
          metadata: { ...input.metadata },
          ...(budget === undefined ? {} : { budget: { type: 'limit', max_list_cost: toMoney(budget) } }),
          ...(input.firstMessage === undefined ? {} : { initial_events: [message(input.firstMessage)] }),
        }),
      )
      return toSessionView(session)
    },
    sendEvents,
    async sendMessage(sessionId, text) {
      await sendEvents(sessionId, [message(text)])
    },
    async answerCustomTool(sessionId, answer) {
      await sendEvents(sessionId, [
        {
          type: 'user.custom_tool_result',
          custom_tool_use_id: answer.eventId,
          is_error: answer.isError ?? false,
          content: [{ type: 'text', text: answer.text }],
        },
      ])
    },
    async confirmTool(sessionId, { eventId, allow, message: text }) {
      await sendEvents(sessionId, [
        allow
          ? { type: 'user.tool_confirmation', tool_use_id: eventId, result: 'allow' }
          : { type: 'user.tool_confirmation', tool_use_id: eventId, result: 'deny', deny_message: text ?? null },
      ])
    },
    async interrupt(sessionId) {
      await sendEvents(sessionId, [{ type: 'user.interrupt' }])
    },
    async archiveSession(id) {
      await goneIsDone('archive a session', async () => beta.sessions.archive(id))
    },

    async createVault({ name, metadata }) {
      const vault = await withDomainErrors('create a vault', async () =>
        beta.vaults.create({ display_name: name, metadata: { ...metadata } }),
      )
      return { id: vault.id }
    },
    async createCredential({ vaultId, mcpServerUrl, token, name }) {
      const credential = await withDomainErrors('store a credential', async () =>
        beta.vaults.credentials.create(vaultId, {
          display_name: name,
          auth: { type: 'static_bearer', mcp_server_url: mcpServerUrl, token },
        }),
      )
      return { id: credential.id }
    },
    async rotateCredential({ vaultId, credentialId, token }) {
      await withDomainErrors('rotate a credential', async () =>
        beta.vaults.credentials.update(credentialId, { vault_id: vaultId, auth: { type: 'static_bearer', token } }),
      )
    },
    async deleteVault(id) {
      await goneIsDone('delete a vault', async () => beta.vaults.delete(id))
    },
  }
}

/** The whole version, field by field, so that nothing of an older one survives; metadata alone is merged by the API, so its keys must not change. */
function toAgentParams(spec: ClaudeAgentSpec) {
  return {
    name: spec.name,
    description: spec.description,
    model: spec.model,
    system: spec.system,
    tools: [...spec.tools],
    mcp_servers: spec.mcpServers.map(({ name, url }) => ({ type: 'url' as const, name, url })),
    metadata: { ...spec.metadata },
    skills: [],
    // Otherwise an agent could define inline agents that no registry knows.
    multiagent: null,
  }
}

async function oldestEnvironment(client: Anthropic, name: string): Promise<{ id: string } | null> {
  const found: { id: string; createdAt: string }[] = []
  await withDomainErrors('list environments', async () => {
    for await (const environment of client.beta.environments.list({ limit: 100 })) {
      if (environment.name !== name || environment.archived_at || environment.config.type !== 'self_hosted') continue
      found.push({ id: environment.id, createdAt: environment.created_at })
    }
  })
  const oldest = found.toSorted((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? -1 : 1))[0]
  return oldest ? { id: oldest.id } : null
}

async function goneIsDone(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await withDomainErrors(what, work)
  } catch (error) {
    if (!(error instanceof DomainError && error.code === 'not_found')) throw error
  }
}

function toRef(agent: Anthropic.Beta.BetaManagedAgentsAgent): ClaudeAgentRef {
  const { id, version } = toAgentView(agent)
  return { id, version }
}

function message(text: string): Extract<ClaudeInput, { type: 'user.message' }> {
  return { type: 'user.message', content: [{ type: 'text', text }] }
}
