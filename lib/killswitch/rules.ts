import type { StopScope } from './schema.ts'

export type StopFacts = { scope: StopScope; targetId: string }

/** What is about to happen: an agent's run, or one of its calls when server and tool are given. */
export type StopTarget = { agentId: string; teamId: string; serverId?: string; tool?: string }

/** Whether an order forbids it. A server or tool order covers calls only: a run without that server goes on. */
export function stopMatches(order: StopFacts, target: StopTarget): boolean {
  switch (order.scope) {
    case 'organization':
      return true
    case 'team':
      return order.targetId === target.teamId
    case 'agent':
      return order.targetId === target.agentId
    case 'server':
      return target.serverId !== undefined && order.targetId === target.serverId
    case 'tool':
      return (
        target.serverId !== undefined &&
        target.tool !== undefined &&
        order.targetId === toolTarget(target.serverId, target.tool)
      )
    default:
      // An order of a scope this process does not know yet stops everything: fail closed.
      return true
  }
}

/** The first order that forbids it; the widest scope is named first. */
export function findStop<T extends StopFacts>(orders: readonly T[], target: StopTarget): T | undefined {
  return orders.filter((order) => stopMatches(order, target)).toSorted((a, b) => breadth(a) - breadth(b))[0]
}

/** Whether an order ends runs, and does not only refuse calls. */
export function stopsRuns(scope: StopScope): boolean {
  return scope === 'organization' || scope === 'team' || scope === 'agent'
}

/** So long somebody else can confirm what one person has asked for. */
export const secondPersonMs = 60 * 60_000

type AskedRelease = { scope: StopScope; releaseAskedById: string | null; releaseAskedAt: Date | null }

/** Whether an order takes two people to end: one stops everything, and one alone does not start everything again. */
export function needsTwo(scope: StopScope): boolean {
  return scope === 'organization'
}

/** Until when somebody else can confirm the end that was asked for; null when nobody asks, or it has lapsed. */
export function confirmableUntil({ releaseAskedAt }: Pick<AskedRelease, 'releaseAskedAt'>, now: Date): Date | null {
  if (!releaseAskedAt) return null
  const until = new Date(releaseAskedAt.getTime() + secondPersonMs)
  return until > now ? until : null
}

/** What comes of a person's wish to end an order: it ends, a second person is waited for, or this person has been the first already. */
export function releaseStep(order: AskedRelease, personId: string | null, now: Date): 'end' | 'ask' | 'same_person' {
  if (!needsTwo(order.scope)) return 'end'
  if (!confirmableUntil(order, now)) return 'ask'
  return personId !== null && order.releaseAskedById !== personId ? 'end' : 'same_person'
}

/** How a tool is named as a target. */
export function toolTarget(serverId: string, tool: string): string {
  return `${serverId}/${tool}`
}

/** The rule id shown wherever an order refused something. */
export function stopRule(order: StopFacts): string {
  return `stop:${order.scope}:${order.targetId}`
}

const widestFirst: readonly StopScope[] = ['organization', 'team', 'server', 'agent', 'tool']

function breadth(order: StopFacts): number {
  return widestFirst.indexOf(order.scope)
}
