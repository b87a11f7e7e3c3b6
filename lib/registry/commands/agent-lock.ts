import type { Tx } from '#lib/db/client.ts'
import { agentNotFound } from '../queries/agents.ts'

/**
 * Locks an agent's row until the transaction ends, so that changes of one agent take turns; whoever also locks requests or grants
 * locks the agent first. Throws `not_found`.
 */
export async function lockAgent(tx: Tx, id: string) {
  await tx.$queryRaw`select 1 from "Agent" where "id" = ${id} for no key update`
  const agent = await tx.agent.findUnique({
    where: { id },
    select: {
      id: true,
      name: true,
      purpose: true,
      status: true,
      tier: true,
      accountablePersonId: true,
      currentVersion: true,
      schedule: true,
      scheduleEnabled: true,
      monthlyBudgetMicros: true,
      lastReviewedAt: true,
      nextReviewAt: true,
      ownerTeam: { select: { id: true, name: true } },
    },
  })
  if (!agent) throw agentNotFound(id)
  return agent
}
export type LockedAgent = Awaited<ReturnType<typeof lockAgent>>

/** How the audit log names an agent. */
export function agentSubject(agent: { id: string; name: string; ownerTeam: { id: string } }) {
  return { subject: { kind: 'agent', id: agent.id, name: agent.name }, agentId: agent.id, teamId: agent.ownerTeam.id }
}
