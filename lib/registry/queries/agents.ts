import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { VersionOrigin } from '../schema/unregistered.ts'
import { accessOf } from './access.ts'
import { agentRows } from './agent-rows.ts'
import { personNames } from './people.ts'
import {
  type AgentLayer,
  type AgentVersionRow,
  type AgentVersionView,
  type AgentView,
  inheritedGuardrails,
  type PersonRef,
} from '../schema.ts'

/** Everything the registry knows about an agent, with its effective access computed now. Needs `agents:read`; throws `not_found`. */
export async function getAgent(ctx: Ctx, id: string): Promise<AgentView> {
  authorize(ctx, 'agents:read')
  const [row] = await agentRows(ctx, [id])
  if (!row) throw agentNotFound(id)
  const agent = await reader(ctx).agent.findUniqueOrThrow({
    where: { id },
    select: {
      statusReason: true,
      statusChangedAt: true,
      scheduleEnabled: true,
      monthlyBudgetMicros: true,
      createdById: true,
      updatedAt: true,
      _count: { select: { scopeRequests: { where: { state: 'pending' } } } },
      versions: { where: { version: row.version }, select: { layer: true } },
    },
  })
  const versions = await listAgentVersions(ctx, id)
  const people = await personNames(ctx, [agent.createdById])
  return {
    ...row,
    statusReason: agent.statusReason,
    statusChangedAt: agent.statusChangedAt.toISOString(),
    scheduleEnabled: agent.scheduleEnabled,
    monthlyBudgetMicros: agent.monthlyBudgetMicros?.toString() ?? null,
    createdBy: agent.createdById ? (people.get(agent.createdById) ?? null) : null,
    updatedAt: agent.updatedAt.toISOString(),
    guardrails: inheritedGuardrails,
    access: await accessOf(ctx, id),
    layer: agent.versions[0]?.layer as AgentLayer,
    versions,
    pendingScopeRequests: agent._count.scopeRequests,
  }
}

/** Every version, newest first. Needs `agents:read`; an unknown agent has none. */
export async function listAgentVersions(ctx: Ctx, agentId: string): Promise<AgentVersionRow[]> {
  authorize(ctx, 'agents:read')
  const rows = await reader(ctx).agentVersion.findMany({
    where: { agentId },
    orderBy: { version: 'desc' },
    select: versionSelect,
  })
  const people = await personNames(
    ctx,
    rows.map((row) => row.createdById),
  )
  return rows.map((row) => versionRow(row, people))
}

/** One version with the team's layer and what was rendered from it. Needs `agents:read`; throws `not_found`. */
export async function getAgentVersion(ctx: Ctx, id: { agentId: string; version: number }): Promise<AgentVersionView> {
  authorize(ctx, 'agents:read')
  const row = await reader(ctx).agentVersion.findUnique({
    where: { agentId_version: id },
    select: { ...versionSelect, layer: true, rendered: true, origin: true },
  })
  if (!row) throw new DomainError('not_found', `${id.agentId} has no version ${id.version}.`)
  return {
    ...versionRow(row, await personNames(ctx, [row.createdById])),
    layer: row.layer as AgentLayer,
    rendered: row.rendered as Record<string, unknown>,
    origin: row.origin as VersionOrigin | null,
  }
}

export function agentNotFound(id: string, at?: Date): DomainError {
  const when = at ? `was no agent ${named(id)} in the registry at ${at.toISOString()}` : null
  return new DomainError('not_found', `There ${when ?? `is no agent ${named(id)} in the registry`}.`)
}

function named(id: string): string {
  return JSON.stringify(id.slice(0, 100))
}

const versionSelect = {
  version: true,
  templateId: true,
  templateVersion: true,
  digest: true,
  createdAt: true,
  createdById: true,
  claude: { select: { claudeAgentId: true, claudeVersion: true, boundAt: true } },
} as const

type VersionFields = Omit<AgentVersionRow, 'createdAt' | 'createdBy' | 'claude'> & {
  createdAt: Date
  createdById: string | null
  claude: { claudeAgentId: string; claudeVersion: number; boundAt: Date } | null
}

function versionRow(row: VersionFields, people: Map<string, PersonRef>): AgentVersionRow {
  return {
    version: row.version,
    templateId: row.templateId,
    templateVersion: row.templateVersion,
    digest: row.digest,
    createdAt: row.createdAt.toISOString(),
    createdBy: row.createdById ? (people.get(row.createdById) ?? null) : null,
    claude: row.claude
      ? {
          agentId: row.claude.claudeAgentId,
          version: row.claude.claudeVersion,
          boundAt: row.claude.boundAt.toISOString(),
        }
      : null,
  }
}
