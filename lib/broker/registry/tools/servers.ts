import { z } from 'zod'
import { getServer, listServerHolders, listServers } from '#lib/registry/queries.ts'
import { type ServerRow } from '#lib/registry/schema.ts'
import { firstGrants } from '#lib/scopes/queries.ts'
import { DomainError } from '#lib/core/errors.ts'
import { registryTool } from '../tool.ts'
import { agentId, asOf, count, line, pageLimit, scopeText, serverId } from '../words.ts'

const holdersMax = 200

const serverSummary = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  environment: z.string(),
  sensitivity: z.string(),
  status: z.string(),
  transport: z.string(),
  tools: z.object({ read: z.int(), write: z.int(), destructive: z.int(), quarantined: z.int() }),
  agents: z.int().describe('Agents that hold a grant in force on it.'),
})

export const list = registryTool({
  name: 'list_servers',
  title: 'List MCP servers',
  description:
    'Every MCP server behind the broker: environment, sensitivity, status, its tools by class, and how many agents hold a grant on it.',
  permission: 'servers:read',
  input: z.strictObject({}),
  output: z.object({ servers: z.array(serverSummary) }),
  async run(ctx) {
    const servers = (await listServers(ctx)).map(summaryOf)
    const lines = servers.map(
      (server) =>
        `${server.id} (${server.environment}, ${server.sensitivity}, ${server.status}): ${server.tools.read} read, ${server.tools.write} write, ${server.tools.destructive} destructive; ${count(server.agents, 'agent')}`,
    )
    return { structured: { servers }, text: [count(servers.length, 'server'), ...lines].join('\n') }
  },
})

export const show = registryTool({
  name: 'get_server',
  title: 'Get an MCP server',
  description: `One MCP server with its tools (class, and whether approved or quarantined) the last that it no longer lists (removedTotal counts all), and which agents hold which scopes on it, at most ${holdersMax}; holdersTotal counts all. For who can reach a single tool, search_agents with tool:name says more exactly.`,
  permission: 'servers:read',
  input: z.strictObject({ serverId }),
  output: serverSummary.extend({
    statusReason: z.string().nullable().describe('Why it is disabled; null: it is not, or nobody was asked.'),
    toolList: z.array(z.object({ name: z.string(), class: z.string(), state: z.string(), description: z.string() })),
    removedTotal: z.int(),
    holdersTotal: z.int(),
    holders: z.array(
      z.object({ agentId: z.string(), owner: z.string(), scope: z.string(), expiresAt: z.string().nullable() }),
    ),
  }),
  async run(ctx, input) {
    const server = await getServer(ctx, input.serverId)
    const { items, total } = await listServerHolders(ctx, { serverId: input.serverId, limit: holdersMax })
    const holders = items.map((holder) => ({
      agentId: holder.agent.id,
      owner: holder.owner.id,
      scope: scopeText(holder),
      expiresAt: holder.expiresAt,
    }))
    const toolList = [...server.toolList, ...server.removedTools].map((tool) => ({
      name: tool.name,
      class: tool.class,
      state: tool.state,
      description: tool.description.slice(0, 300),
    }))
    return {
      structured: {
        ...summaryOf(server),
        statusReason: server.statusReason,
        toolList,
        removedTotal: server.removedTotal,
        holdersTotal: total,
        holders,
      },
      text: [
        `${server.id}: ${line(server.name)} (${server.environment}, ${server.sensitivity}, ${server.status}${server.statusReason ? `: ${line(server.statusReason)}` : ''})`,
        ...toolList.map((tool) => `tool ${tool.name}: ${tool.class}, ${tool.state}`),
        `${count(total, 'grant')} in force:`,
        ...holders.map((holder) => `${holder.agentId} (${holder.owner}): ${holder.scope}`),
      ].join('\n'),
    }
  },
})

function summaryOf(server: ServerRow): z.input<typeof serverSummary> {
  const { id, name, description, environment, sensitivity, status, transport, tools, agents } = server
  return { id, name, description, environment, sensitivity, status, transport, tools, agents }
}

export const grants = registryTool({
  name: 'list_grants',
  title: 'List grants',
  description:
    'Grants of one agent or on one server, with why, through what (template, request, import) and until when each was given; with history also expired and revoked ones, with asOf as they were at that instant. A grant is a permission on paper: what an agent really reaches is in get_agent and search_agents.',
  permission: 'agents:read',
  input: z.strictObject({
    agentId: agentId.optional(),
    serverId: serverId.optional(),
    history: z.boolean().default(false).describe('Also those that have expired or were revoked.'),
    asOf,
    limit: pageLimit(50, 500),
  }),
  output: z.object({
    total: z.int(),
    grants: z.array(
      z.object({
        id: z.string(),
        agentId: z.string(),
        owner: z.string(),
        scope: z.string(),
        state: z.string(),
        reason: z.string(),
        via: z.string(),
        createdAt: z.string(),
        expiresAt: z.string().nullable(),
        revokedAt: z.string().nullable(),
      }),
    ),
  }),
  agentOf: (input) => input.agentId,
  async run(ctx, { limit, ...filter }) {
    if (filter.agentId === undefined && filter.serverId === undefined) {
      throw new DomainError('invalid', 'Name an agentId or a serverId; search_agents asks about all.', {
        rule: 'registry:query',
      })
    }
    const { items, total } = await firstGrants(ctx, { ...filter, limit })
    const shown = items.map((grant) => ({
      id: grant.id,
      agentId: grant.agent.id,
      owner: grant.owner.id,
      scope: scopeText(grant),
      state: grant.state,
      reason: grant.reason,
      via: grant.via,
      createdAt: grant.createdAt,
      expiresAt: grant.expiresAt,
      revokedAt: grant.revokedAt,
    }))
    const lines = shown.map(
      (grant) =>
        `${grant.agentId} ${grant.scope} ${grant.state}, ${grant.via}${grant.expiresAt ? `, until ${grant.expiresAt}` : ''}: ${line(grant.reason)}`,
    )
    return {
      structured: { total, grants: shown },
      text: [`${count(total, 'grant')}${shown.length < total ? `, ${shown.length} shown` : ''}`, ...lines].join('\n'),
    }
  },
})
