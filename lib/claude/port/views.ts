import type { Anthropic } from '@anthropic-ai/sdk'
import type { ClaudeAgentDefinition, ClaudeAgentView, ClaudeSessionView, ClaudeUsage } from '../schema.ts'

type Money = Anthropic.Beta.BetaMonetaryAmount

const microsPerCent = 10_000n

export function toAgentView(agent: Anthropic.Beta.BetaManagedAgentsAgent): ClaudeAgentView {
  return {
    id: agent.id,
    version: agent.version,
    name: agent.name,
    definition: toDefinition(agent),
    metadata: agent.metadata,
    archivedAt: dateOrNull(agent.archived_at),
  }
}

type Agent = Anthropic.Beta.BetaManagedAgentsAgent

// Servers that speak the same API may leave out what they do not have.
function toDefinition(agent: Agent): ClaudeAgentDefinition {
  return {
    description: agent.description ?? '',
    model: agent.model.id,
    system: agent.system ?? '',
    tools: (agent.tools ?? []).flatMap(toolNames),
    mcpServers: (agent.mcp_servers ?? []).map(({ name, url }) => ({ name, url: withoutQuery(url) })),
    skills: (agent.skills ?? []).map((skill) => `${skill.type}:${skill.skill_id}@${skill.version}`),
  }
}

function toolNames(tool: Agent['tools'][number]): string[] {
  if (tool.type === 'custom') return [`${tool.name} (custom)`]
  const prefix = tool.type === 'mcp_toolset' ? `${tool.mcp_server_name}/` : ''
  const enabled = tool.configs.filter((config) => config.enabled).map(({ name }) => `${prefix}${name}`)
  return tool.default_config.enabled ? [`${prefix}*`, ...enabled] : enabled
}

/** What follows the path may be a key. */
function withoutQuery(url: string): string {
  if (!URL.canParse(url)) return ''
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

export function toSessionView(session: Anthropic.Beta.BetaManagedAgentsSession): ClaudeSessionView {
  return {
    id: session.id,
    status: session.status,
    agent: { id: session.agent.id, version: session.agent.version },
    environmentId: session.environment_id,
    title: session.title,
    metadata: session.metadata,
    vaultIds: session.vault_ids,
    createdAt: new Date(session.created_at),
    archivedAt: dateOrNull(session.archived_at),
    usage: toUsage(session.usage),
  }
}

/** Of a session or of a `session.usage` event. */
export function toUsage(usage: Anthropic.Beta.Sessions.BetaManagedAgentsSessionUsage): ClaudeUsage {
  return {
    inputTokens: usage.input_tokens ?? 0,
    outputTokens: usage.output_tokens ?? 0,
    cacheReadTokens: usage.cache_read_input_tokens ?? 0,
    cacheWriteTokens:
      (usage.cache_creation?.ephemeral_5m_input_tokens ?? 0) + (usage.cache_creation?.ephemeral_1h_input_tokens ?? 0),
    activeMs: Math.round((usage.active_seconds ?? 0) * 1000),
    listCostMicros: usage.list_cost ? toMicros(usage.list_cost) : null,
  }
}

/** The API's amounts are whole cents as a decimal string. */
export function toMicros(money: Money): bigint {
  return BigInt(money.amount) * microsPerCent
}

/** Rounded down, so that a ceiling never becomes higher; at least one cent. */
export function toMoney(micros: bigint): Money {
  const cents = micros / microsPerCent
  return { amount: (cents > 0n ? cents : 1n).toString(), currency: 'USD' }
}

function dateOrNull(value: string | null): Date | null {
  return value === null ? null : new Date(value)
}
