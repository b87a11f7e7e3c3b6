import type { AgentRow, ScopeChip } from '#lib/registry/schema.ts'
import { type ArgumentCondition, type CallRate, limitTexts } from '#lib/registry/schema/conditions.ts'
import type { Column } from '../table.ts'
import { money, oneLine, percent } from '../text.ts'

export const agentColumns: Column<AgentRow>[] = [
  { title: 'ID', value: (agent) => agent.id },
  { title: 'OWNER', value: (agent) => agent.owner.id, widthMin: 10 },
  { title: 'STATUS', value: (agent) => agent.status },
  { title: 'TIER', value: (agent) => agent.tier, dispensable: 3 },
  {
    title: 'TEMPLATE',
    value: (agent) => `${agent.template.id}@${agent.template.version}`,
    widthMin: 12,
    dispensable: 4,
  },
  { title: 'SCOPES (*: PRODUCTION)', value: (agent) => scopeList(agent.scopes), widthMin: 16, dispensable: 5 },
  { title: 'RUNS/30D', value: (agent) => String(agent.monthlyRuns), align: 'right', dispensable: 2 },
  { title: 'COST/30D', value: costOf, align: 'right', dispensable: 1 },
  { title: 'ESCALATED', value: (agent) => percent(agent.escalationRate), align: 'right', dispensable: 2 },
]

/** Scopes as `erp:write`, one tool as `erp:write(post_invoice)`; production is marked. */
export function scopeList(scopes: readonly ScopeChip[]): string {
  return scopes.map((scope) => `${scopeText(scope)}${scope.environment === 'production' ? '*' : ''}`).join(' ') || '–'
}

/** The same of a request, which may name several tools. */
export function requestScopeText(
  request: Omit<Parameters<typeof scopeText>[0], 'serverId' | 'toolName'> & {
    server: { id: string }
    toolNames: readonly string[]
  },
): string {
  return scopeText({ ...request, serverId: request.server.id, toolName: request.toolNames.join(',') || null })
}

export function scopeText(scope: {
  serverId: string
  class: string
  toolName: string | null
  conditions?: readonly ArgumentCondition[]
  rate?: CallRate | null
}): string {
  const { conditions = [], rate = null } = scope
  const limits = limitTexts({ conditions, rate })
  const when = limits.length > 0 ? ` [${oneLine(limits.join('; '))}]` : ''
  return `${scope.serverId}:${scope.class}${scope.toolName ? `(${scope.toolName})` : ''}${when}`
}

/** At least this much, when some requests have no price. */
function costOf(agent: AgentRow): string {
  return `${agent.unpricedRequests > 0 ? '≥ ' : ''}${money(agent.cost30dMicros)}`
}
