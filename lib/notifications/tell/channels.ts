import type { AuditView } from '#lib/audit/schema.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Telling } from './phrases.ts'

/** A channel of a team, or (without one) of the organization. */
export type SharedChannel = { id: string; teamId: string | null; kinds: string[] }

export async function readChannels(tx: Tx): Promise<SharedChannel[]> {
  return await tx.notificationChannel.findMany({
    where: { personId: null, enabled: true },
    select: { id: true, teamId: true, kinds: true },
    orderBy: { id: 'asc' },
  })
}

/** Which of them are told: a team’s of what concerns the team and its agents, the organization’s of all of the kinds it takes. */
export async function channelsFor(
  tx: Tx,
  { channels, event, telling }: { channels: readonly SharedChannel[]; event: AuditView; telling: Telling },
): Promise<SharedChannel[]> {
  const wanting = channels.filter(({ kinds }) => kinds.includes(telling.kind))
  if (wanting.every(({ teamId }) => teamId === null)) return wanting
  const teamId = await teamOf(tx, event)
  return wanting.filter((channel) => channel.teamId === null || channel.teamId === teamId)
}

async function teamOf(tx: Tx, { agentId, subject }: AuditView): Promise<string | null> {
  if (subject.kind === 'team') return subject.id
  const id = agentId ?? (subject.kind === 'agent' ? subject.id : null)
  const agent = id === null ? null : await tx.agent.findUnique({ where: { id }, select: { ownerTeamId: true } })
  return agent?.ownerTeamId ?? null
}
