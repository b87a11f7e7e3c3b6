import { type Ctx, reader } from '#lib/auth/ctx.ts'

/** So long whoever an agent belonged to still counts as one whom it belongs to. */
const pastOwnersDays = 30

type Owners = { ownerTeamIds: string[]; accountablePersonIds: string[] }

/** Whom an agent belonged to in the last 30 days before it was given to others, as the audit log has it. Callers authorize. */
export async function pastOwners(ctx: Ctx, agentId: string): Promise<Owners> {
  const since = new Date(ctx.now.getTime() - pastOwnersDays * 86_400_000)
  const rows = await reader(ctx).$queryRaw<{ ownerTeamId: string | null; accountablePersonId: string | null }[]>`
    select distinct "detail"->'before'->>'ownerTeamId' as "ownerTeamId", "detail"->'before'->>'accountablePersonId' as "accountablePersonId"
    from "AuditEvent" where "agentId" = ${agentId} and "event" in ('agent.updated', 'agent.taken_over') and "at" >= ${since}`
  return {
    ownerTeamIds: rows.flatMap(({ ownerTeamId }) => ownerTeamId ?? []),
    accountablePersonIds: rows.flatMap(({ accountablePersonId }) => accountablePersonId ?? []),
  }
}
