import { personas } from '#lib/auth/personas.ts'
import { slug } from '#lib/core/slug.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { addDays } from '#lib/metrics/rules.ts'
import { renderAgentVersion } from '#lib/templates/rules.ts'
import type { TemplateView } from '#lib/templates/schema.ts'
import { demoUuid } from './demo-uuid.ts'
import type { PlannedAgent } from './fleet-plan.ts'

export type FleetRows = {
  agents: Prisma.AgentCreateManyInput[]
  versions: Prisma.AgentVersionCreateManyInput[]
  requests: Prisma.ScopeRequestCreateManyInput[]
  grants: Prisma.GrantCreateManyInput[]
}

const reviewDays = { low: 180, medium: 120, high: 60 } as const
const security = personas.find((persona) => persona.role === 'security')!

/** Registry rows of planned agents. Their schedules are off: a demo agent never starts by itself. */
export function fleetRows(
  planned: readonly PlannedAgent[],
  options: { today: Date; templates: readonly TemplateView[] },
): FleetRows {
  const rows: FleetRows = { agents: [], versions: [], requests: [], grants: [] }
  for (const agent of planned) {
    const template = options.templates.find((view) => view.id === agent.templateId)!
    rows.agents.push(agentRow(agent, options.today))
    rows.versions.push(versionRow(agent, template, options.today))
    addScopes(rows, { agent, template, today: options.today })
  }
  return rows
}

function agentRow(agent: PlannedAgent, today: Date): Prisma.AgentCreateManyInput {
  const createdAt = addDays(today, -agent.createdDaysAgo)
  const lastReviewedAt = agent.lastReviewedDaysAgo === null ? null : addDays(today, -agent.lastReviewedDaysAgo)
  return {
    id: slug.parse(agent.id),
    name: agent.name,
    purpose: agent.purpose,
    ownerTeamId: agent.teamId,
    accountablePersonId: agent.accountablePersonId,
    tier: agent.tier,
    status: agent.status,
    statusReason: agent.statusReason,
    statusChangedAt: agent.status === 'active' ? createdAt : addDays(today, -agent.quietSinceDaysAgo),
    currentVersion: 1,
    schedule: agent.schedule,
    scheduleEnabled: false,
    monthlyBudgetMicros: agent.monthlyBudgetMicros,
    lastReviewedAt,
    nextReviewAt: agent.status === 'retired' ? null : addDays(lastReviewedAt ?? createdAt, reviewDays[agent.tier]),
    createdAt,
    createdById: agent.accountablePersonId,
    demo: true,
  }
}

function versionRow(agent: PlannedAgent, template: TemplateView, today: Date): Prisma.AgentVersionCreateManyInput {
  const layer = { prompt: `You work for the team ${agent.teamId}. Your task: ${agent.purpose}.`, parameters: {} }
  const servers = agent.extraScopes.map((scope) => scope.server)
  const { rendered, digest } = renderAgentVersion({ template, layer, servers })
  return {
    agentId: agent.id,
    version: 1,
    templateId: template.id,
    templateVersion: template.version,
    layer,
    rendered: rendered as Prisma.InputJsonObject,
    digest,
    createdAt: addDays(today, -agent.createdDaysAgo),
    createdById: agent.accountablePersonId,
  }
}

/** What the template pre-approves, and what a person approved later; retirement has revoked all of it. */
function addScopes(
  rows: FleetRows,
  { agent, template, today }: { agent: PlannedAgent; template: TemplateView; today: Date },
): void {
  const createdAt = addDays(today, -agent.createdDaysAgo)
  const revokedAt = agent.status === 'retired' ? addDays(today, -agent.quietSinceDaysAgo) : null
  const common = { agentId: agent.id, revokedAt, revokedById: revokedAt ? agent.accountablePersonId : null }
  for (const scope of template.manifest.scopes.filter(({ approval }) => approval === 'auto')) {
    rows.grants.push({
      ...common,
      id: demoUuid(`grant ${agent.id} ${scope.server} ${scope.class}`),
      serverId: scope.server,
      class: scope.class,
      reason: scope.reason,
      via: 'template',
      createdById: agent.accountablePersonId,
      createdAt,
    })
  }
  for (const scope of agent.extraScopes) {
    const key = `${agent.id} ${scope.server} ${scope.class}`
    const requestId = demoUuid(`request ${key}`)
    const decidedAt = addDays(createdAt, 1)
    const reason = `Needed to ${agent.purpose}.`
    const days = scope.class === 'read' ? null : 365
    rows.requests.push({
      id: requestId,
      agentId: agent.id,
      serverId: scope.server,
      class: scope.class,
      reason,
      days,
      state: 'approved',
      requestedById: agent.accountablePersonId,
      createdAt,
      decidedById: security.id,
      decidedAt,
      decisionNote: 'Fits the purpose.',
    })
    rows.grants.push({
      ...common,
      id: demoUuid(`grant ${key}`),
      serverId: scope.server,
      class: scope.class,
      reason,
      via: 'request',
      requestId,
      createdById: security.id,
      createdAt: decidedAt,
      expiresAt: days === null ? null : addDays(decidedAt, days),
    })
  }
}

/** Requests that wait for a decision, so that the queue is not empty. */
export function pendingRequests(planned: readonly PlannedAgent[], today: Date): Prisma.ScopeRequestCreateManyInput[] {
  const wishes = [
    [
      'invoice-reconciler-cloud',
      'invoices',
      'write',
      90,
      'Flag wrong cloud invoices, so that they are not paid twice.',
      1,
    ],
    [
      'invoice-reconciler-benelux',
      'erp',
      'write',
      30,
      'Post small rounding corrections while the supplier is migrated.',
      3,
    ],
    ['ticket-triager-mobile', 'tickets', 'write', null, 'Set priority and team instead of only proposing them.', 0],
    ['ticket-triager-delivery', 'tickets', 'write', null, 'Set priority and team instead of only proposing them.', 5],
    ['release-notes-portal', 'crm', 'read', 60, 'Name the customers who asked for a feature.', 2],
    ['ticket-triager-chargeback', 'billing-db', 'destructive', 7, 'Delete test accounts that were charged back.', 4],
    ['ticket-triager-certificate', 'deploys', 'read', 90, 'See which deploy broke a certificate.', 6],
  ] as const
  return wishes.flatMap(([agentId, serverId, toolClass, days, reason, daysAgo]) => {
    const agent = planned.find(({ id }) => id === agentId)
    if (!agent) return []
    return [
      {
        id: demoUuid(`pending ${agentId} ${serverId} ${toolClass}`),
        agentId,
        serverId,
        class: toolClass,
        reason,
        days,
        requestedById: agent.accountablePersonId,
        createdAt: addDays(today, -daysAgo),
        // That nobody decided in time was said a day later, not at the start of the demo.
        ...(daysAgo > 0 ? { remindedAt: addDays(today, 1 - daysAgo), overdueToldAt: addDays(today, 1 - daysAgo) } : {}),
      },
    ]
  })
}
