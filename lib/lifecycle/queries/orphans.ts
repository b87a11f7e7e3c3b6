import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { mayActForTeam } from '#lib/registry/rules.ts'
import type { AgentStatus, Tier } from '#lib/registry/schema.ts'
import type { OrphanView } from '../schema.ts'

const shownMax = 500

/** The agents nobody answers for, those that are suspended soonest first; `mine`: only those one may act for. Needs `agents:read`. */
export async function listOrphans(ctx: Ctx, { mine = false }: { mine?: boolean } = {}): Promise<OrphanView[]> {
  authorize(ctx, 'agents:read')
  const orphans = await read(ctx, Prisma.sql`true`)
  return mine ? orphans.filter(({ owner }) => mayActForTeam(ctx.actor, owner.id)) : orphans
}

/** Since when nobody answers for an agent, and until when it goes on; null: somebody does. Needs `agents:read`. */
export async function getOrphan(ctx: Ctx, agentId: string): Promise<OrphanView | null> {
  authorize(ctx, 'agents:read')
  return (await read(ctx, Prisma.sql`a."id" = ${agentId}`))[0] ?? null
}

async function read(ctx: Ctx, which: Prisma.Sql): Promise<OrphanView[]> {
  const rows = await reader(ctx).$queryRaw<
    RawOrphan[]
  >`select a."id", a."name", a."tier"::text, a."status"::text, t."id" as "teamId",
      t."name" as "teamName", p."id" as "personId", p."name" as "personName",
      coalesce(o."because", p."deactivatedBecause", 'unknown') as "because",
      coalesce(o."since", p."deactivatedAt", ${ctx.now}) as "since", o."suspendAt", o."suspendedAt"
    from "Person" p join "Agent" a on a."accountablePersonId" = p."id" join "Team" t on t."id" = a."ownerTeamId"
    left join "OrphanedAgent" o on o."agentId" = a."id" and o."personId" = p."id"
    where not p."active" and a."status" <> 'retired' and ${which}
    order by o."suspendAt" nulls last, a."id" limit ${shownMax}`
  return rows.map((row) => ({
    agent: { id: row.id, name: row.name, tier: row.tier, status: row.status },
    owner: { id: row.teamId, name: row.teamName },
    person: { id: row.personId, name: row.personName },
    because: row.because,
    since: row.since.toISOString(),
    suspendAt: row.suspendAt?.toISOString() ?? null,
    suspendedAt: row.suspendedAt?.toISOString() ?? null,
  }))
}

type RawOrphan = {
  id: string
  name: string
  tier: Tier
  status: AgentStatus
  teamId: string
  teamName: string
  personId: string
  personName: string
  because: string
  since: Date
  suspendAt: Date | null
  suspendedAt: Date | null
}
