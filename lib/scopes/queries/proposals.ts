import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { AgentStatus } from '#lib/registry/schema.ts'
import type { FleetProposal, FleetProposalList, GrantProposalsQuery, GrantUsage } from '../schema/usage.ts'
import { heldSql, usageOfAgents } from './grant-calls.ts'

/** Agents whose grants are judged at once. */
const batch = 200
const cursorShape = /^([a-z0-9-]{1,100}) ([0-9a-f-]{36})$/

/**
 * How grants over the whole fleet could be less, in the order of agents, a page at a time: revoked where no call needed them or narrower ones cover them, narrowed to the tools that were called. Needs
 * `agents:read`; throws `invalid` for a cursor that was altered.
 */
export async function grantProposals(ctx: Ctx, query: GrantProposalsQuery): Promise<FleetProposalList> {
  authorize(ctx, 'agents:read')
  const { days, kind, limit } = query
  const bar = { calls: query.conditionCalls, days: query.conditionDays }
  const items: FleetProposal[] = []
  let place = query.cursor === undefined ? null : placeOf(query.cursor)
  while (items.length <= limit) {
    const agents = await agentsFrom(ctx, { from: place, ownerTeamId: query.ownerTeamId })
    if (agents.length === 0) break
    const usage = await usageOfAgents(ctx, { agentIds: agents.map(({ id }) => id), days, bar })
    const wanted = agents.flatMap(({ id }) =>
      (usage.get(id) ?? []).filter(
        (row) => row.proposal !== null && (kind === undefined || row.proposal.kind === kind),
      ),
    )
    items.push(...(await withNames(ctx, { agents, rows: wanted, after: place })))
    place = { agentId: agents.at(-1)!.id, grantId: null }
    if (agents.length < batch) break
  }
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return { items: page, days, nextCursor: items.length > limit && last ? `${last.agent.id} ${last.grantId}` : null }
}

/** `grantId` null: everything of that agent is told already. */
type Place = { agentId: string; grantId: string | null }

function placeOf(cursor: string): Place {
  const [, agentId, grantId] = cursorShape.exec(cursor) ?? []
  if (agentId && grantId) return { agentId, grantId }
  throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
}

type FoundAgent = {
  id: string
  name: string
  status: AgentStatus
  ownerId: string
  ownerName: string
  accountableId: string
  accountableName: string
}

async function agentsFrom(
  ctx: Ctx,
  { from, ownerTeamId }: { from: Place | null; ownerTeamId: string | undefined },
): Promise<FoundAgent[]> {
  const behind =
    from === null
      ? Prisma.sql`true`
      : from.grantId === null
        ? Prisma.sql`a."id" > ${from.agentId}`
        : Prisma.sql`a."id" >= ${from.agentId}`
  return await reader(ctx).$queryRaw<FoundAgent[]>(Prisma.sql`
    select a."id", a."name", a."status"::text as "status", t."id" as "ownerId", t."name" as "ownerName",
      p."id" as "accountableId", p."name" as "accountableName"
    from "Agent" a join "Team" t on t."id" = a."ownerTeamId" join "Person" p on p."id" = a."accountablePersonId"
    where a."status" <> 'retired' and ${behind} and ${ownerTeamId === undefined ? Prisma.sql`true` : Prisma.sql`a."ownerTeamId" = ${ownerTeamId}`}
      and exists (select 1 from "Grant" g where g."agentId" = a."id" and ${heldSql(ctx.now)})
    order by a."id" limit ${batch}`)
}

async function withNames(
  ctx: Ctx,
  { agents, rows, after }: { agents: readonly FoundAgent[]; rows: readonly GrantUsage[]; after: Place | null },
): Promise<FleetProposal[]> {
  if (rows.length === 0) return []
  const grants = await reader(ctx).grant.findMany({
    where: { id: { in: rows.map(({ grantId }) => grantId) } },
    select: { id: true, agentId: true, createdAt: true, expiresAt: true },
  })
  const byId = new Map(grants.map((grant) => [grant.id, grant]))
  const byAgent = new Map(agents.map((agent) => [agent.id, agent]))
  const told = rows.flatMap((row): FleetProposal[] => {
    const grant = byId.get(row.grantId)
    const agent = grant && byAgent.get(grant.agentId)
    // One that was forgotten in between is no proposal.
    if (!grant || !agent || !row.proposal) return []
    const { grantId, serverId, class: toolClass, toolName, lastUsedAt, proposal } = row
    return [
      {
        grantId,
        agent: { id: agent.id, name: agent.name, status: agent.status },
        owner: { id: agent.ownerId, name: agent.ownerName },
        accountable: { id: agent.accountableId, name: agent.accountableName },
        serverId,
        class: toolClass,
        toolName,
        createdAt: grant.createdAt.toISOString(),
        expiresAt: grant.expiresAt?.toISOString() ?? null,
        lastUsedAt,
        proposal,
      },
    ]
  })
  const ordered = told.toSorted((a, b) => compare(a.agent.id, b.agent.id) || compare(a.grantId, b.grantId))
  const { agentId, grantId } = after ?? { agentId: '', grantId: null }
  return ordered.filter((row) => grantId === null || row.agent.id !== agentId || row.grantId > grantId)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
