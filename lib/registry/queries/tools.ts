import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { ToolVerdict } from '../rules/tool-change.ts'
import type { ToolFinding } from '../rules/tool-findings.ts'
import type { ToolDetail, ToolHistoryEntry, ToolReview, ToolView } from '../schema.ts'
import { classFromAnnotations, isLower } from '../rules.ts'
import { personNames } from './people.ts'

const historyMax = 200

/** One tool with what is listed, what is approved and its history. Needs `servers:read`; throws `not_found`. */
export async function getTool(ctx: Ctx, { serverId, name }: { serverId: string; name: string }): Promise<ToolDetail> {
  authorize(ctx, 'servers:read')
  const row = await reader(ctx).mcpTool.findUnique({
    where: { serverId_name: { serverId, name } },
    select: { ...toolSelect, definition: true, approvedDefinition: true, server: { select: { id: true, name: true } } },
  })
  if (!row) throw new DomainError('not_found', `${serverId} has no tool ${JSON.stringify(name.slice(0, 100))}.`)
  const view = toolView(row, await overridesOf(ctx, serverId))
  const { title, description, inputSchema, annotations } = view
  const listed = row.definition ?? { name, ...(title === null ? {} : { title }), description, inputSchema, annotations }
  return {
    ...view,
    server: row.server,
    listed: listed as ToolDetail['listed'],
    approved: row.approvedDefinition as ToolDetail['approved'],
    history: await historyOf(ctx, { serverId, name }),
  }
}

/** Tools that wait for a decision, those the actor is asked about first. Needs `servers:read`. */
export async function listToolReviews(ctx: Ctx): Promise<ToolReview[]> {
  authorize(ctx, 'servers:read')
  const rows = await reader(ctx).$queryRaw<RawReview[]>(
    Prisma.sql`select t."serverId", s."name" as "serverName", t."name" as "tool", t."verdict", t."findings", s."approverId",
        coalesce((select max(r."seenAt") from "ToolRevision" r where r."serverId" = t."serverId" and r."toolName" = t."name"), t."firstSeenAt") as "since"
      from "McpTool" t join "McpServer" s on s."id" = t."serverId"
      where t."state" = 'quarantined' and s."status" = 'active' and t."rejectedHash" is distinct from t."definitionHash"
      order by s."approverId"::text = ${ctx.actor.id} desc nulls last, t."verdict" = 'suspended' desc, "since", t."serverId", t."name"`,
  )
  const names = await personNames(
    ctx,
    rows.flatMap(({ approverId }) => approverId ?? []),
  )
  return rows.map((row) => ({
    server: { id: row.serverId, name: row.serverName },
    tool: row.tool,
    verdict: row.verdict,
    findings: row.findings,
    since: row.since.toISOString(),
    approver:
      row.approverId === null ? null : { id: row.approverId, name: names.get(row.approverId)?.name ?? row.approverId },
  }))
}

type RawReview = {
  serverId: string
  serverName: string
  tool: string
  verdict: ToolVerdict
  findings: ToolFinding[]
  approverId: string | null
  since: Date
}

export const toolSelect = {
  name: true,
  title: true,
  description: true,
  inputSchema: true,
  annotations: true,
  class: true,
  classSource: true,
  state: true,
  definitionHash: true,
  verdict: true,
  findings: true,
  approvedHash: true,
  rejectedHash: true,
  firstSeenAt: true,
  lastSeenAt: true,
} satisfies Prisma.McpToolSelect

type ToolRow = Prisma.McpToolGetPayload<{ select: typeof toolSelect }>

type Overrides = ReadonlyMap<string, NonNullable<ToolView['override']>>

/** Who gave tools of a server the class they have, by name: since they were of another one the first who said so, or who approved them with it. */
export async function overridesOf(ctx: Ctx, serverId: string): Promise<Overrides> {
  const rows = await reader(ctx).$queryRaw<{ name: string; byId: string; byName: string; at: Date; reason: string }[]>`
    select distinct on (d."toolName") d."toolName" as "name", d."byId", d."byName", d."decidedAt" as "at", d."reason"
    from "ToolDecision" d join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."toolName"
    where d."serverId" = ${serverId} and t."classSource" = 'platform' and d."class" = t."class" and d."decision" in ('classified', 'approved')
      and not exists (select from "ToolDecision" later where later."serverId" = d."serverId" and later."toolName" = d."toolName"
        and later."id" > d."id" and later."class" <> t."class")
    order by d."toolName", d."decision" = 'classified' desc, d."id"`
  return new Map(
    rows.map(({ name, byId, byName, at, reason }) => [
      name,
      { by: { id: byId, name: byName }, at: at.toISOString(), reason },
    ]),
  )
}

export function toolView(tool: ToolRow, overrides: Overrides): ToolView {
  const declaredClass = classFromAnnotations(tool.annotations as ToolView['annotations'])
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: tool.inputSchema as ToolView['inputSchema'],
    annotations: tool.annotations as ToolView['annotations'],
    class: tool.class,
    classSource: tool.classSource,
    declaredClass,
    lowered: isLower(tool.class, declaredClass),
    override: tool.classSource === 'platform' ? (overrides.get(tool.name) ?? null) : null,
    state: tool.state,
    definitionHash: tool.definitionHash,
    verdict: tool.verdict as ToolVerdict,
    findings: tool.findings as ToolFinding[],
    approvedHash: tool.approvedHash,
    rejected: tool.rejectedHash === tool.definitionHash,
    firstSeenAt: tool.firstSeenAt.toISOString(),
    lastSeenAt: tool.lastSeenAt.toISOString(),
  }
}

async function historyOf(
  ctx: Ctx,
  { serverId, name }: { serverId: string; name: string },
): Promise<ToolHistoryEntry[]> {
  const latest = { where: { serverId, toolName: name }, orderBy: { id: 'desc' }, take: historyMax } as const
  const [revisions, decisions] = await Promise.all([
    reader(ctx).toolRevision.findMany(latest),
    reader(ctx).toolDecision.findMany(latest),
  ])
  const entries: ToolHistoryEntry[] = [
    ...decisions.map((row) => ({
      kind: 'decided' as const,
      at: row.decidedAt.toISOString(),
      definitionHash: row.definitionHash,
      decision: row.decision as 'approved',
      class: row.class,
      reason: row.reason,
      by: { id: row.byId, name: row.byName },
    })),
    ...revisions.map((row) => ({
      kind: 'listed' as const,
      at: row.seenAt.toISOString(),
      definitionHash: row.definitionHash,
      verdict: row.verdict as ToolVerdict | 'removed',
      findings: row.findings as ToolFinding[],
      definition: row.definition as Record<string, unknown>,
      class: row.class,
      state: row.state,
      seenBy: row.seenBy,
    })),
  ]
  return entries.toSorted((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))
}
