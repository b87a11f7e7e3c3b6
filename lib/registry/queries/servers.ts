import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import type { Prisma, ToolListing } from '#lib/db/generated/client.ts'
import { type CredentialFields, credentialSelect, credentialView } from './credentials.ts'
import { listLoosenings } from './loosenings.ts'
import { personNames } from './people.ts'
import { packageFetchOf } from './packages.ts'
import { listRemovedTools } from './removed-tools.ts'
import { overridesOf, toolSelect, toolView } from './tools.ts'
import { fleetOf } from '../fleet/live.ts'
import { holderCounts, holderCountsOf, listServerHolders } from './server-holders.ts'
import { serverNotFound } from '../server-not-found.ts'
import type { ServerRow, ServerView, ToolClass, ToolView } from '../schema.ts'
import type { ToolListingView } from '../schema/tools.ts'

/** Every MCP server by id. Needs `servers:read`. */
export async function listServers(ctx: Ctx): Promise<ServerRow[]> {
  authorize(ctx, 'servers:read')
  const servers = await reader(ctx).mcpServer.findMany({ orderBy: { id: 'asc' }, select: serverSelect })
  const counts = holderCounts(await fleetOf(ctx))
  return servers.map((server) => serverRow(server, counts.get(server.id) ?? 0))
}

/** One server with its tools, the last of those it no longer lists (`listRemovedTools` goes on) and the first of those who hold something there (`listServerHolders` goes on). Needs `servers:read`; throws `not_found`. */
export async function getServer(ctx: Ctx, id: string): Promise<ServerView> {
  authorize(ctx, 'servers:read')
  const server = await reader(ctx).mcpServer.findUnique({
    where: { id },
    select: {
      ...serverSelect,
      statusReason: true,
      createdAt: true,
      updatedAt: true,
      approverId: true,
      acknowledged: true,
      listing: true,
      tools: { where: { state: { not: 'removed' } }, orderBy: { name: 'asc' }, select: toolSelect },
    },
  })
  if (!server) throw serverNotFound(id)
  const holders = await listServerHolders(ctx, { serverId: id })
  const overrides = await overridesOf(ctx, id)
  const removed = await listRemovedTools(ctx, { serverId: id })
  const approver = await approverOf(ctx, server.approverId)
  const { agents, besidesTools } = holderCountsOf(await fleetOf(ctx), id)
  return {
    ...serverRow(server, agents),
    statusReason: server.statusReason,
    approver,
    packageFetch: await packageFetchOf(ctx, server.command as ServerRow['command']),
    accepted: (server.acknowledged as ServerView['accepted']).map(({ finding, byName, at }) => ({
      finding,
      byName,
      at,
    })),
    toolList: server.tools.map((tool) => toolView(tool, overrides)),
    removedTools: removed.items,
    removedTotal: removed.total,
    listing: server.listing && listingView(server.listing),
    holders: holders.items,
    holdersTotal: holders.total,
    besidesTools,
    loosenings: await listLoosenings(ctx, { serverId: id }),
    createdAt: server.createdAt.toISOString(),
    updatedAt: server.updatedAt.toISOString(),
  }
}

function listingView(row: ToolListing): ToolListingView {
  const { problem, problemSince } = row
  return {
    listedAt: row.listedAt?.toISOString() ?? null,
    problem: problem && problemSince ? { message: problem, since: problemSince.toISOString() } : null,
    leftOut: row.leftOut as ToolListingView['leftOut'],
    leftOutTotal: row.leftOutTotal,
  }
}

async function approverOf(ctx: Ctx, approverId: string | null): Promise<ServerView['approver']> {
  if (approverId === null) return null
  const names = await personNames(ctx, [approverId])
  return { id: approverId, name: names.get(approverId)?.name ?? approverId }
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
  tools: {
    where: { state: { not: 'removed' } },
    select: { class: true, state: true, verdict: true, definitionHash: true, rejectedHash: true },
  },
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
