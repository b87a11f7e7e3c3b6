import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import { limitsOf } from '../rules/limits.ts'
import { oneTool } from '../rules/named-tools.ts'

/** Locks the agent, then reads the request: the order everybody keeps. Throws `not_found`. */
export async function lockRequest(tx: Tx, id: string) {
  const found = await tx.scopeRequest.findUnique({ where: { id }, select: { agentId: true } })
  if (!found) throw new DomainError('not_found', 'There is no such scope request.')
  const agent = await lockAgent(tx, found.agentId)
  const row = await tx.scopeRequest.findUniqueOrThrow({
    where: { id },
    select: {
      id: true,
      serverId: true,
      class: true,
      toolNames: true,
      conditions: true,
      rateCalls: true,
      ratePer: true,
      reason: true,
      ticket: true,
      days: true,
      state: true,
      revision: true,
      escalations: true,
      escalationRuleId: true,
      requestedById: true,
      decidedById: true,
      server: { select: { name: true, status: true, environment: true, sensitivity: true, dataClasses: true } },
      approvals: { orderBy: { at: 'asc' } },
    },
  })
  const { server, decidedById, approvals, ...rest } = row
  const decidedBy = decidedById
    ? await tx.person.findUnique({ where: { id: decidedById }, select: { name: true } })
    : null
  return {
    request: { ...rest, ...limitsOf(rest), decidedByName: decidedBy?.name ?? null },
    /** Of this revision, oldest first. */
    approvals: approvals.filter(({ revision }) => revision === row.revision),
    agent,
    server,
  }
}

export function aboutRequest(request: { serverId: string; toolNames: readonly string[] }, agent: LockedAgent) {
  const tool = oneTool(request.toolNames)
  return { ...agentSubject(agent), serverId: request.serverId, ...(tool === null ? {} : { tool }) }
}
