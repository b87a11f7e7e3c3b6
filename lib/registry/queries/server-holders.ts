import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { partsOfKind } from '../fleet/access.ts'
import { type Bitmap, countBits, emptyBitmap, orInto } from '../fleet/bitmap.ts'
import type { FleetServer } from '../fleet/facts.ts'
import type { FleetIndex } from '../fleet/fleet-index.ts'
import { inForceSql } from '../in-force.ts'
import { serverNotFound } from '../server-not-found.ts'
import { capabilities, grantName } from '../schema/capabilities.ts'
import { methodPrefix } from '../schema/methods.ts'
import type { AgentStatus, ServerHolder, ServerHolderList, ServerRow, ServerView, ToolClass } from '../schema.ts'

/** So many of those that hold something on a server are told at once, unless more are asked for. */
export const holdersShown = 100

type HolderQuery = { serverId: string; limit?: number; cursor?: string | undefined }

/**
 * Who holds what on a server: grants in force, the widest class first, then by agent, a page at a time. Needs `servers:read`; throws
 * `not_found`, and `invalid` for a cursor that is no grant.
 */
export async function listServerHolders(ctx: Ctx, query: HolderQuery): Promise<ServerHolderList> {
  authorize(ctx, 'servers:read')
  const { serverId, limit = holdersShown, cursor } = query
  const server = await reader(ctx).mcpServer.findUnique({ where: { id: serverId }, select: { id: true } })
  if (!server) throw serverNotFound(serverId)
  const rows = await readHolders(ctx, { serverId, limit: limit + 1, after: await placeOf(ctx, { serverId, cursor }) })
  const [counted] = await reader(ctx).$queryRaw<{ total: number }[]>`
    select count(*)::int as "total" from "Grant" g join "McpServer" s on s."id" = g."serverId"
    where g."serverId" = ${serverId} and ${inForceSql(ctx.now)}`
  const items = rows.slice(0, limit)
  return { items, total: counted!.total, nextCursor: rows.length > limit ? (items.at(-1)?.grantId ?? null) : null }
}

/** Which comes first; the id makes it one order of all. */
const place = Prisma.sql`case g."class" when 'destructive' then 0 when 'write' then 1 else 2 end, g."agentId",
  coalesce(g."toolName", ''), g."id"`

async function placeOf(ctx: Ctx, { serverId, cursor }: HolderQuery): Promise<Prisma.Sql> {
  if (cursor === undefined) return Prisma.sql`true`
  // Also one that was revoked meanwhile has its place.
  const known = z.uuid().safeParse(cursor).success
    ? await reader(ctx).grant.findFirst({ where: { id: cursor, serverId }, select: { id: true } })
    : null
  if (!known) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  return Prisma.sql`(${place}) > (select ${place} from "Grant" g where g."id" = ${cursor}::uuid)`
}

async function readHolders(
  ctx: Ctx,
  { serverId, limit, after }: { serverId: string; limit: number; after: Prisma.Sql },
): Promise<ServerHolder[]> {
  const rows = await reader(ctx).$queryRaw<RawHolder[]>(
    Prisma.sql`select g."id" as "grantId", g."serverId", s."environment"::text, g."class"::text, g."toolName", g."expiresAt",
        a."id" as "agentId", a."name" as "agentName", a."status"::text, t."id" as "ownerId", t."name" as "ownerName",
        p."id" as "accountableId", p."name" as "accountableName"
      from "Grant" g join "McpServer" s on s."id" = g."serverId" join "Agent" a on a."id" = g."agentId" join "Team" t on t."id" = a."ownerTeamId"
        join "Person" p on p."id" = a."accountablePersonId"
      where g."serverId" = ${serverId} and ${inForceSql(ctx.now)} and ${after} order by ${place} limit ${limit}`,
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
    accountable: { id: row.accountableId, name: row.accountableName },
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
  accountableId: string
  accountableName: string
}

type HeldKind = { toolName: string | null; conditional: boolean; agents: Bitmap }

/** How many agents hold a grant in force on each server, as `inForceSql` says it: from what the catalog knows, without reading a grant. */
export function holderCounts(index: FleetIndex): Map<string, number> {
  return new Map([...heldKinds(index)].map(([serverId, kinds]) => [serverId, countAgents(index, kinds)]))
}

/** The same of one server, and of what can be granted there besides tools. Conditions are about arguments, so a grant with some opens none of that. */
export function holderCountsOf(index: FleetIndex, serverId: string): Pick<ServerView, 'agents' | 'besidesTools'> {
  const kinds = heldKinds(index).get(serverId) ?? []
  const besidesTools = capabilities.map((one) => {
    const names = one.grantedBy === 'server' ? [null, grantName(one)] : [grantName(one)]
    const opening = kinds.filter(({ toolName, conditional }) => !conditional && names.includes(toolName))
    return { ...one, agents: countAgents(index, opening) }
  })
  return { agents: countAgents(index, kinds), besidesTools }
}

function countAgents(index: FleetIndex, kinds: readonly HeldKind[]): number {
  const found = emptyBitmap(index.words)
  for (const { agents } of kinds) orInto(found, agents)
  return countBits(found)
}

function heldKinds(index: FleetIndex): Map<string, HeldKind[]> {
  const found = new Map<string, HeldKind[]>()
  for (const [kind, agents] of index.entries('kind')) {
    const { serverId, conditional, toolName } = partsOfKind(kind)
    const server = index.facts.servers.get(serverId)
    if (!server || !isInForce(server, toolName)) continue
    const held = { toolName, conditional, agents }
    const known = found.get(serverId)
    if (known) known.push(held)
    else found.set(serverId, [held])
  }
  return found
}

function isInForce({ active, tools }: FleetServer, toolName: string | null): boolean {
  if (!active) return false
  if (toolName === null || toolName.startsWith(methodPrefix)) return true
  return tools.some(({ name, state }) => name === toolName && state === 'approved')
}
