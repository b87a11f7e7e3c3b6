import type { AuditView } from '#lib/audit/schema.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Telling } from './phrases.ts'
import { stoppedAgents } from './recipients.ts'

/** A channel of a team, or (without one) of the organization. */
export type SharedChannel = { id: string; teamId: string | null; kinds: string[] }

export async function readChannels(tx: Tx): Promise<SharedChannel[]> {
  return await tx.notificationChannel.findMany({
    where: { personId: null, enabled: true },
    select: { id: true, teamId: true, kinds: true },
    orderBy: { id: 'asc' },
  })
}

/**
 * Which of them are told: a team’s of what concerns the team and its agents, also when a stop of the whole organization or of a server that they reach stops them; the organization’s of all of the
 * kinds it takes.
 */
export async function channelsFor(
  ctx: Ctx & { tx: Tx },
  { channels, event, telling }: { channels: readonly SharedChannel[]; event: AuditView; telling: Telling },
): Promise<SharedChannel[]> {
  const wanting = channels.filter(({ kinds }) => kinds.includes(telling.kind))
  if (wanting.every(({ teamId }) => teamId === null)) return wanting
  const teams = await teamsOf(ctx, { event, telling })
  return wanting.filter(({ teamId }) => teamId === null || teams === 'all' || teams.includes(teamId))
}

async function teamsOf(
  ctx: Ctx & { tx: Tx },
  { event: { agentId, subject }, telling }: { event: AuditView; telling: Telling },
): Promise<string[] | 'all'> {
  const stopped = telling.audiences.find((audience) => audience.to === 'stopped')
  if (stopped?.scope === 'organization') return 'all'
  if (stopped) return (await stoppedAgents(ctx, stopped)).map(({ ownerTeamId }) => ownerTeamId)
  if (subject.kind === 'team') return [subject.id]
  const id = agentId ?? (subject.kind === 'agent' ? subject.id : null)
  const agent = id === null ? null : await ctx.tx.agent.findUnique({ where: { id }, select: { ownerTeamId: true } })
  return agent ? [agent.ownerTeamId] : []
}
