import type { StopFacts } from './facts.ts'

/** What is about to happen: an agent acts, or (with server and tool) calls. */
export type StopTarget = { agentId: string; teamId: string | null; serverId?: string; tool?: string }

/** The first order that forbids it. An order of a scope this release does not know stops everything. */
export function stopFor(stops: readonly StopFacts[], target: StopTarget): StopFacts | undefined {
  return stops.find((order) => covers(order, target))
}

/** Whether it may forbid something of an agent at these servers. */
export function mayConcern(
  order: StopFacts,
  { serverIds, ...agent }: { agentId: string; teamId: string | null; serverIds: readonly string[] },
): boolean {
  if (order.scope === 'tool') return serverIds.some((id) => order.targetId.startsWith(`${id}/`))
  return covers(order, agent) || serverIds.some((serverId) => covers(order, { ...agent, serverId }))
}

function covers(order: StopFacts, target: StopTarget): boolean {
  switch (order.scope) {
    case 'agent':
      return order.targetId === target.agentId
    case 'team':
      return order.targetId === target.teamId
    case 'server':
      return order.targetId === target.serverId
    case 'tool':
      return target.serverId !== undefined && order.targetId === `${target.serverId}/${target.tool}`
    default:
      return true
  }
}
