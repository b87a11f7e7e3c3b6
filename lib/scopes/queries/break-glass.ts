import { z } from 'zod'
import { type Actor, authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { pastOwners, pastOwnersOf, personNames } from '#lib/registry/queries.ts'
import type { Environment, PersonRef, ToolClass } from '#lib/registry/schema.ts'
import type { Ownership } from '#lib/registry/rules/past-owners.ts'
import { breakGlassReviewable } from '../rules/break-glass.ts'
import type { BreakGlassListQuery, BreakGlassView } from '../schema/break-glass.ts'

/** A page of the same; `nextCursor` is null on the last. Needs `agents:read`; throws `invalid` for a cursor that is no break-glass grant. */
export async function listBreakGlassPage(
  ctx: Ctx,
  query: BreakGlassListQuery,
): Promise<{ items: BreakGlassView[]; nextCursor: string | null }> {
  const { limit } = query
  const found = await listBreakGlass(ctx, { ...query, limit: limit + 1 })
  const items = found.slice(0, limit)
  return { items, nextCursor: found.length > limit ? (items.at(-1)?.grantId ?? null) : null }
}

/**
 * Break-glass grants, newest first: those in force or waiting for their review, or all. Needs `agents:read`.
 *
 * @param options.counted whether their calls are counted, which reads the agent's part of the audit log; left out: unless only those in force are asked for
 */
export async function listBreakGlass(
  ctx: Ctx,
  query: BreakGlassListQuery,
  { counted = query.state !== 'in_force' }: { counted?: boolean } = {},
): Promise<BreakGlassView[]> {
  authorize(ctx, 'agents:read')
  const behind = query.cursor === undefined ? Prisma.empty : behindSql(await placeOf(ctx, query.cursor))
  const inForce = inForceSql(ctx)
  const wanted = {
    all: Prisma.sql`true`,
    in_force: inForce,
    open: Prisma.sql`(r."reviewedAt" is null or ${inForce})`,
  }[query.state]
  return await readBreakGlass(ctx, { where: Prisma.sql`${wanted} ${behind}`, inForce, counted, limit: query.limit })
}

/** One break-glass grant with its review and how often it was used. Needs `agents:read`; throws `not_found`. */
export async function getBreakGlass(ctx: Ctx, grantId: string): Promise<BreakGlassView> {
  authorize(ctx, 'agents:read')
  const where = Prisma.sql`r."grantId" = ${grantId}::uuid`
  const [found] = await readBreakGlass(ctx, { where, inForce: inForceSql(ctx), counted: true, limit: 1 })
  if (!found) throw new DomainError('not_found', 'There is no such break-glass grant.')
  return found
}

function inForceSql({ now }: Ctx): Prisma.Sql {
  return Prisma.sql`(g."revokedAt" is null and g."expiresAt" > ${now})`
}

async function readBreakGlass(
  ctx: Ctx,
  { where, inForce, counted, limit }: { where: Prisma.Sql; inForce: Prisma.Sql; counted: boolean; limit: number },
): Promise<BreakGlassView[]> {
  const rows = await reader(ctx).$queryRaw<Row[]>`
    select r.*, a."name" as "agentName", a."accountablePersonId", a."ownerTeamId", t."name" as "ownerName", g."serverId", s."name" as "serverName",
      s."environment"::text as "environment", g."class"::text as "class", g."toolName", g."reason", g."expiresAt", g."revokedAt",
      ${inForce} as "inForce", case when ${!counted} then 0 else (
        select count(*) from "AuditEvent" e
        where e."agentId" = r."agentId" and e."at" >= r."openedAt" and e."at" <= least(g."expiresAt", coalesce(g."revokedAt", g."expiresAt"))
          and e."event" = 'mcp.call_allowed' and e."detail"->>'grantId' = r."grantId"::text
      ) end::int as "calls"
    from "BreakGlassReview" r join "Grant" g on g."id" = r."grantId"
    join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = g."serverId"
    join "Team" t on t."id" = a."ownerTeamId"
    where ${where} order by r."openedAt" desc, r."grantId" limit ${limit}`
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.openedById, row.reviewedById, row.accountablePersonId]),
  )
  const past = await pastOwnersOf(
    ctx,
    rows.map(({ agentId }) => agentId),
  )
  return rows.map((row) => viewOf(ctx, { ...row, past: past(row.agentId) }, people))
}

/** Who of these people may review a break-glass grant now, by the same rule as the command; nobody when it is reviewed. Callers authorize. */
export async function whoMayReview(
  ctx: Ctx,
  { grantId, people }: { grantId: string; people: readonly Person[] },
): Promise<Person[]> {
  const found = await reader(ctx).breakGlassReview.findUnique({
    where: { grantId },
    select: {
      openedById: true,
      verdict: true,
      agentId: true,
      grant: { select: { agent: { select: { accountablePersonId: true, ownerTeamId: true } } } },
    },
  })
  if (!found) return []
  const review = { ...found, ...found.grant.agent, past: await pastOwners(ctx, found.agentId) }
  return people.filter((person) => breakGlassReviewable(person, review).allowed)
}

type Person = Extract<Actor, { kind: 'person' }>
type Place = { openedAt: Date; grantId: string }

async function placeOf(ctx: Ctx, grantId: string): Promise<Place> {
  const select = { openedAt: true, grantId: true }
  const known = z.uuid().safeParse(grantId).success
  const place = known ? await reader(ctx).breakGlassReview.findUnique({ where: { grantId }, select }) : null
  if (place) return place
  throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
}

function behindSql({ openedAt, grantId }: Place): Prisma.Sql {
  return Prisma.sql`and (r."openedAt" < ${openedAt} or (r."openedAt" = ${openedAt} and r."grantId" > ${grantId}::uuid))`
}

type Row = {
  grantId: string
  agentId: string
  agentName: string
  accountablePersonId: string
  ownerTeamId: string
  ownerName: string
  serverId: string
  serverName: string
  environment: Environment
  class: ToolClass
  toolName: string | null
  reason: string
  openedById: string
  openedAt: Date
  expiresAt: Date
  revokedAt: Date | null
  inForce: boolean
  calls: number
  verdict: NonNullable<BreakGlassView['review']>['verdict'] | null
  note: string | null
  reviewedById: string | null
  reviewedAt: Date | null
  dueAt: Date | null
  remindedAt: Date | null
  escalations: number
}

function viewOf(ctx: Ctx, row: Row & Pick<Ownership, 'past'>, people: Map<string, PersonRef>): BreakGlassView {
  const personOf = (id: string): PersonRef => people.get(id) ?? { id, name: 'unknown', active: false }
  const { verdict, note, reviewedById, reviewedAt } = row
  return {
    grantId: row.grantId,
    agent: { id: row.agentId, name: row.agentName },
    owner: { id: row.ownerTeamId, name: row.ownerName },
    accountable: personOf(row.accountablePersonId),
    server: { id: row.serverId, name: row.serverName, environment: row.environment },
    class: row.class,
    toolName: row.toolName,
    reason: row.reason,
    openedBy: personOf(row.openedById),
    openedAt: row.openedAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    revokedAt: row.revokedAt?.toISOString() ?? null,
    inForce: row.inForce,
    calls: row.calls,
    review:
      verdict && reviewedById && reviewedAt
        ? { verdict, note: note ?? '', by: personOf(reviewedById), at: reviewedAt.toISOString() }
        : null,
    dueAt: row.dueAt?.toISOString() ?? null,
    overdue: row.reviewedAt === null && row.dueAt !== null && row.dueAt <= ctx.now,
    remindedAt: row.remindedAt?.toISOString() ?? null,
    escalations: row.escalations,
    reviewable: breakGlassReviewable(ctx.actor, row),
  }
}
