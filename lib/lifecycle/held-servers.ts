import type { Db, Tx } from '#lib/db/client.ts'

/** Servers that the agent holds or has asked for a scope on: it must know them to use what it is granted. */
export async function heldServers(db: Db | Tx, { agentId, now }: { agentId: string; now: Date }): Promise<string[]> {
  const inForce = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }
  const grants = await db.grant.findMany({ where: { agentId, ...inForce }, select: { serverId: true } })
  const requests = await db.scopeRequest.findMany({ where: { agentId, state: 'pending' }, select: { serverId: true } })
  return [...new Set([...grants, ...requests].map(({ serverId }) => serverId))].toSorted()
}
