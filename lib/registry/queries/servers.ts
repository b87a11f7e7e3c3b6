import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { type CredentialFields, credentialSelect, credentialView } from './credentials.ts'
import { listLoosenings } from './loosenings.ts'
import { personNames } from './people.ts'
import { overridesOf, toolSelect, toolView } from './tools.ts'
import { inForceSql } from '../in-force.ts'
import { capabilities, type Capability, grantName } from '../schema/capabilities.ts'
import type { AgentStatus, ServerRow, ServerView, ToolClass, ToolView } from '../schema.ts'

/** Every MCP server by id. Needs `servers:read`. */
export async function listServers(ctx: Ctx): Promise<ServerRow[]> {
  authorize(ctx, 'servers:read')
  const servers = await reader(ctx).mcpServer.findMany({ orderBy: { id: 'asc' }, select: serverSelect })
  const holders = await reader(ctx).$queryRaw<{ serverId: string; agents: bigint }[]>(
    Prisma.sql`select g."serverId", count(distinct g."agentId") as agents
      from "Grant" g join "McpServer" s on s."id" = g."serverId" where ${inForceSql(ctx.now)} group by 1`,
  )
  const counts = new Map(holders.map((row) => [row.serverId, Number(row.agents)]))
  return servers.map((server) => serverRow(server, counts.get(server.id) ?? 0))
}

/** One server with its tools and who holds what. Needs `servers:read`; throws `not_found`. */
export async function getServer(ctx: Ctx, id: string): Promise<ServerView> {
  authorize(ctx, 'servers:read')
  const server = await reader(ctx).mcpServer.findUnique({
    where: { id },
    select: {
      ...serverSelect,
      createdAt: true,
      updatedAt: true,
      approverId: true,
      acknowledged: true,
      tools: { orderBy: { name: 'asc' }, select: toolSelect },
    },
  })
  if (!server) throw serverNotFound(id)
  const holders = await holdersOf(ctx, id)
  const overrides = await overridesOf(ctx, id)
  return {
    ...serverRow(server, new Set(holders.map(({ agent }) => agent.id)).size),
    approver: await approverOf(ctx, server.approverId),
    accepted: (server.acknowledged as ServerView['accepted']).map(({ finding, byName, at }) => ({
      finding,
      byName,
      at,
    })),
    toolList: server.tools.map((tool) => toolView(tool, overrides)),
    holders: holders.map(withoutLimited),
    besidesTools: capabilities.map((one) => ({ ...one, agents: agentsHolding(one, holders) })),
    loosenings: await listLoosenings(ctx, { serverId: id }),
    createdAt: server.createdAt.toISOString(),
    updatedAt: server.updatedAt.toISOString(),
  }
}

async function approverOf(ctx: Ctx, approverId: string | null): Promise<ServerView['approver']> {
  if (approverId === null) return null
  const names = await personNames(ctx, [approverId])
  return { id: approverId, name: names.get(approverId)?.name ?? approverId }
}

export function serverNotFound(id: string): DomainError {
  return new DomainError('not_found', `There is no MCP server ${JSON.stringify(id.slice(0, 100))} in the registry.`)
}

type Holder = ServerView['holders'][number] & { limited: boolean }

function withoutLimited(holder: Holder): ServerView['holders'][number] {
  const { limited: _, ...shown } = holder
  return shown
}

/** Conditions are about arguments, so a grant with some opens nothing besides tools. */
function agentsHolding(one: Capability, holders: readonly Holder[]): number {
  const names = one.grantedBy === 'server' ? [null, grantName(one)] : [grantName(one)]
  const holding = holders.filter(({ toolName, limited }) => !limited && names.includes(toolName))
  return new Set(holding.map(({ agent }) => agent.id)).size
}

async function holdersOf(ctx: Ctx, serverId: string): Promise<Holder[]> {
  const rows = await reader(ctx).$queryRaw<RawHolder[]>(
    Prisma.sql`select g."id" as "grantId", g."serverId", s."environment"::text, g."class"::text, g."toolName", g."expiresAt", g."conditions" <> '[]' as "limited",
        a."id" as "agentId", a."name" as "agentName", a."status"::text, t."id" as "ownerId", t."name" as "ownerName"
      from "Grant" g join "McpServer" s on s."id" = g."serverId" join "Agent" a on a."id" = g."agentId" join "Team" t on t."id" = a."ownerTeamId"
      where g."serverId" = ${serverId} and ${inForceSql(ctx.now)}
      order by g."class" desc, a."id", g."toolName" nulls first`,
  )
  return rows.map((row) => ({
    grantId: row.grantId,
    serverId: row.serverId,
    environment: row.environment,
    class: row.class,
    toolName: row.toolName,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    agent: { id: row.agentId, name: row.agentName, status: row.status },
    owner: { id: row.ownerId, name: row.ownerName },
    limited: row.limited,
  }))
}

type RawHolder = {
  grantId: string
  serverId: string
  environment: ServerRow['environment']
  class: ToolClass
  toolName: string | null
  expiresAt: Date | null
  agentId: string
  agentName: string
  status: AgentStatus
  ownerId: string
  ownerName: string
  limited: boolean
}

const serverSelect = {
  id: true,
  name: true,
  description: true,
  transport: true,
  url: true,
  command: true,
  environment: true,
  sensitivity: true,
  dataClasses: true,
  status: true,
  demo: true,
  tools: { select: { class: true, state: true, verdict: true, definitionHash: true, rejectedHash: true } },
  credentials: { select: credentialSelect, orderBy: { teamId: { sort: 'asc', nulls: 'first' } } },
} satisfies Prisma.McpServerSelect

type ServerFields = Omit<
  ServerRow,
  'tools' | 'agents' | 'credentials' | 'command' | 'recordedChanges' | 'dataClasses'
> & {
  command: unknown
  dataClasses: string[]
  tools: {
    class: ToolClass
    state: ToolView['state']
    verdict: string
    definitionHash: string
    rejectedHash: string | null
  }[]
  credentials: CredentialFields[]
}

function serverRow(server: ServerFields, agents: number): ServerRow {
  const { id, name, description, transport, url, environment, sensitivity, status, demo, credentials } = server
  const tools = { read: 0, write: 0, destructive: 0, quarantined: 0 }
  for (const tool of server.tools) {
    if (tool.state === 'approved') tools[tool.class] += 1
    if (tool.state === 'quarantined' && tool.rejectedHash !== tool.definitionHash) tools.quarantined += 1
  }
  const isRecorded = (tool: (typeof server.tools)[number]) =>
    tool.state === 'approved' && (tool.verdict === 'wording' || tool.verdict === 'narrower')
  return {
    id,
    name,
    description,
    transport,
    url,
    command: server.command as ServerRow['command'],
    environment,
    sensitivity,
    dataClasses: server.dataClasses as ServerRow['dataClasses'],
    status,
    demo,
    tools,
    recordedChanges: server.tools.filter(isRecorded).length,
    agents,
    credentials: credentials.map(credentialView),
  }
}
