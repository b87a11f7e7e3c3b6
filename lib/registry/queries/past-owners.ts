import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { noPastOwners, type PastOwners, pastOwnersDays } from '../rules/past-owners.ts'

/** Changes of whom it belongs to; the index by agent of what is not the broker's needs the second condition in these words. */
const changes = Prisma.sql`"event" in ('agent.updated', 'agent.taken_over') and "event" not like 'mcp.%'`

/** Whom an agent belonged to in the last days (`pastOwnersDays`) before it was given to others, as the audit log has it. Callers authorize. */
export async function pastOwners(ctx: Ctx, agentId: string): Promise<PastOwners> {
  return (await pastOwnersOf(ctx, [agentId]))(agentId)
}

/** Like `pastOwners` for several agents at once. Callers authorize. */
export async function pastOwnersOf(ctx: Ctx, agentIds: readonly string[]): Promise<(agentId: string) => PastOwners> {
  if (agentIds.length === 0) return () => noPastOwners
  const rows = await reader(ctx).$queryRaw<Change[]>`
    select distinct "agentId", "detail"->'before'->>'ownerTeamId' as "ownerTeamId", "detail"->'before'->>'accountablePersonId' as "accountablePersonId"
    from "AuditEvent" where "agentId" = any (${[...new Set(agentIds)]}::text[]) and ${changes} and "at" >= ${since(ctx)}`
  return (agentId) => {
    const own = rows.filter((row) => row.agentId === agentId)
    return {
      ownerTeamIds: own.flatMap(({ ownerTeamId }) => ownerTeamId ?? []),
      accountablePersonIds: own.flatMap(({ accountablePersonId }) => accountablePersonId ?? []),
    }
  }
}

/** The agents that somebody was accountable for, or that one of their teams owned, in those days before they were given to others. Callers authorize. */
export async function agentsOnceOf(ctx: Ctx, person: { id: string; teamIds: readonly string[] }): Promise<string[]> {
  const rows = await reader(ctx).$queryRaw<{ agentId: string }[]>`
    select distinct "agentId" from "AuditEvent" where ${changes} and "at" >= ${since(ctx)} and "agentId" is not null
      and ("detail"->'before'->>'accountablePersonId' = ${person.id} or "detail"->'before'->>'ownerTeamId' = any (${[...person.teamIds]}::text[]))`
  return rows.map(({ agentId }) => agentId)
}

type Change = { agentId: string; ownerTeamId: string | null; accountablePersonId: string | null }

function since({ now }: Ctx): Date {
  return new Date(now.getTime() - pastOwnersDays * 86_400_000)
}
