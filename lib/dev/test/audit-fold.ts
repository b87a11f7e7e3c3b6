import type { AuditView } from '#lib/audit/schema.ts'

/** What the audit log alone says about an agent. */
export type FoldedAgent = {
  name: string
  purpose: string
  ownerTeamId: string
  accountablePersonId: string
  tier: string
  status: string
  statusReason: string | null
  statusChangedAt: string
  schedule: string | null
  scheduleEnabled: boolean
  monthlyBudgetMicros: string | null
  version: number
  templateVersion: string
  lastReviewedAt: string | null
  nextReviewAt: string | null
  createdAt: string
  createdBy: string
  pending: number
}
export type FoldedGrant = {
  agentId: string
  serverId: string
  class: string
  toolName: string | null
  conditions: unknown
  rate: unknown
  reason: string
  via: string
  requestId: string | null
  createdAt: string
  expiresAt: string | null
  revokedAt: string | null
}
export type Folded = {
  agents: Map<string, FoldedAgent>
  grants: Map<string, FoldedGrant>
  disabledServers: Set<string>
  /** People who have left. */
  left: Set<string>
  /** Open stop orders by id. */
  stops: Map<string, { scope: string; targetId: string }>
}

/** The registry as the events in this order say it is, begun with nothing. It reads the audit log and knows no table. */
export function foldAudit(events: readonly AuditView[]): Folded {
  const state: Folded = {
    agents: new Map(),
    grants: new Map(),
    disabledServers: new Set(),
    left: new Set(),
    stops: new Map(),
  }
  for (const event of events) fold(state, event)
  return state
}

function fold(state: Folded, { event, at, subject, actor, agentId, serverId, detail }: AuditView): void {
  const agent = agentId === null ? undefined : state.agents.get(agentId)
  const status = (to: string, reason: unknown = null) =>
    Object.assign(agent!, { status: to, statusReason: reason, statusChangedAt: at })
  switch (event) {
    case 'agent.created': {
      const { templateVersion, templateId: _, ...entry } = detail as FoldedAgent & { templateId: string }
      const made = { ...entry, status: 'provisioning', statusReason: null, statusChangedAt: at, scheduleEnabled: true }
      const of = { version: 1, templateVersion, lastReviewedAt: null, createdAt: at, createdBy: actor.id, pending: 0 }
      state.agents.set(agentId!, { ...made, ...of })
      return
    }
    case 'agent.updated':
    case 'agent.taken_over':
      return void Object.assign(agent!, detail['after'])
    case 'agent.version_created':
      agent!.version = detail['version'] as number
      agent!.templateVersion = detail['templateVersion'] as string
      return
    case 'agent.activated':
      return void status('active')
    case 'agent.suspended':
      return void status('suspended', detail['reason'])
    case 'agent.resumed':
      return void status('active')
    case 'agent.retired':
      return void Object.assign(status('retired', detail['reason']), { scheduleEnabled: false, nextReviewAt: null })
    case 'agent.reviewed':
      return void Object.assign(agent!, { lastReviewedAt: at, nextReviewAt: detail['nextReviewAt'] })
    case 'agent.schedule_changed':
      return void Object.assign(agent!, { schedule: detail['schedule'], scheduleEnabled: detail['enabled'] })
    case 'scope_request.created':
      agent!.pending += 1
      return
    case 'scope_request.approved':
    case 'scope_request.rejected':
    case 'scope_request.withdrawn':
      agent!.pending -= 1
      return
    case 'grant.created': {
      const { grantId, limits: _, ...grant } = detail as FoldedGrant & { grantId: string; limits: unknown }
      const made = { agentId: agentId!, serverId: serverId!, createdAt: at, revokedAt: null }
      state.grants.set(grantId, { ...grant, ...made })
      return
    }
    case 'grant.revoked':
      state.grants.get(detail['grantId'] as string)!.revokedAt = at
      return
    case 'server.updated': {
      const to = (detail['after'] as { status?: string }).status
      if (to === 'disabled') state.disabledServers.add(subject.id)
      if (to === 'active') state.disabledServers.delete(subject.id)
      return
    }
    case 'person.deactivated':
      state.left.add(subject.id)
      return
    case 'person.reactivated':
      state.left.delete(subject.id)
      return
    case 'stop.ordered':
      state.stops.set(detail['orderId'] as string, { scope: detail['scope'] as string, targetId: subject.id })
      return
    case 'stop.released':
      state.stops.delete(detail['orderId'] as string)
      return
    default:
  }
}

/** Whether a grant counted at an instant. */
export function isFoldedInForce(grant: FoldedGrant, state: Folded, at: Date): boolean {
  if (grant.revokedAt !== null || state.disabledServers.has(grant.serverId)) return false
  return grant.expiresAt === null || new Date(grant.expiresAt) > at
}

/** The agents that had write access to a server at an instant, where every class of its tools is approved and no guardrail forbids one. */
export function foldedWriters(state: Folded, { serverId, at }: { serverId: string; at: Date }): string[] {
  const isStopped = (scope: string, targetId: string) =>
    [...state.stops.values()].some((stop) => stop.scope === scope && stop.targetId === targetId)
  if (isStopped('server', serverId)) return []
  const holders = [...state.grants.values()]
    .filter((grant) => grant.serverId === serverId && grant.class !== 'read' && isFoldedInForce(grant, state, at))
    .map(({ agentId }) => agentId)
  return [...new Set(holders)]
    .filter((id) => !isStopped('agent', id) && !isStopped('team', state.agents.get(id)!.ownerTeamId))
    .toSorted()
}
