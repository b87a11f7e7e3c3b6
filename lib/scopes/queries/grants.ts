import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { asTheyWere, grantLimitsSql, instantOf, reachOfGrants } from '#lib/registry/queries.ts'
import type { AccessGrant, AgentStatus, GrantReach } from '#lib/registry/schema.ts'
import { type GrantListInput, grantListQuery, type GrantView } from '../schema.ts'

/**
 * Grants of an agent or on a server, each with what it really reaches: those that are neither expired nor revoked, or with `history` all of them; with `asOf` as they were
 * then. Needs `agents:read`; throws `invalid` for the instant. Effective access (`accessOf`) leaves out those on disabled servers and those of a quarantined tool.
 */
export async function listGrants(ctx: Ctx, input: GrantListInput): Promise<GrantView[]> {
  authorize(ctx, 'agents:read')
  const query = grantListQuery.parse(input)
  const past = query.asOf === undefined ? null : await instantOf(ctx, { field: 'asOf', value: query.asOf })
  return await withReach(ctx, { rows: await readGrants(ctx, { query, past }), past })
}

/** Grants of an agent that are neither expired nor revoked, on paper: what each reaches is not looked at. Needs `agents:read`. */
export async function heldGrants(ctx: Ctx, agentId: string): Promise<GrantRow[]> {
  authorize(ctx, 'agents:read')
  const rows = await readGrants(ctx, { query: { agentId, history: false }, past: null })
  return rows.map((row) => rowOf(row, ctx.now))
}

/**
 * A page of the same, in the order of agents and servers; `nextCursor` is null on the last. Needs `agents:read`; throws `invalid` for the
 * instant and for a cursor that is no grant.
 */
export async function listGrantPage(
  ctx: Ctx,
  input: GrantListInput & { limit: number; cursor?: string | undefined },
): Promise<{ items: GrantView[]; nextCursor: string | null }> {
  authorize(ctx, 'agents:read')
  const { limit, cursor, ...rest } = input
  const query = grantListQuery.parse(rest)
  const past = query.asOf === undefined ? null : await instantOf(ctx, { field: 'asOf', value: query.asOf })
  if (cursor !== undefined && !(await exists(ctx, cursor))) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const found = await readGrants(ctx, { query: { ...query, after: cursor }, past, limit: limit + 1 })
  const items = await withReach(ctx, { rows: found.slice(0, limit), past })
  return { items, nextCursor: found.length > limit ? (items.at(-1)?.id ?? null) : null }
}

async function exists(ctx: Ctx, id: string): Promise<boolean> {
  if (!z.uuid().safeParse(id).success) return false
  return (await reader(ctx).grant.findUnique({ where: { id }, select: { id: true } })) !== null
}

/** One grant, also one that ended, or with `asOf` as it was then. Needs `agents:read`; throws `not_found`, and `invalid` for the instant. */
export async function getGrant(ctx: Ctx, input: { grantId: string; asOf?: string | undefined }): Promise<GrantView> {
  authorize(ctx, 'agents:read')
  const past = input.asOf === undefined ? null : await instantOf(ctx, { field: 'asOf', value: input.asOf })
  const rows = await readGrants(ctx, { query: { grantId: input.grantId, history: true }, past })
  const [grant] = await withReach(ctx, { rows, past })
  if (grant) return grant
  throw new DomainError(
    'not_found',
    past ? `There was no such grant at ${past.toISOString()}.` : 'There is no such grant.',
  )
}

/**
 * How many grants there are and the first of them on paper, in the same order; nothing else is read. Needs `agents:read`; throws `invalid` for the
 * instant.
 */
export async function firstGrants(
  ctx: Ctx,
  input: GrantListInput & { limit: number },
): Promise<{ items: GrantRow[]; total: number }> {
  authorize(ctx, 'agents:read')
  const { limit, ...rest } = input
  const query = grantListQuery.parse(rest)
  const past = query.asOf === undefined ? null : await instantOf(ctx, { field: 'asOf', value: query.asOf })
  const [counted] = await reader(ctx).$queryRaw<{ total: number }[]>(
    Prisma.sql`${grantsAsTheyWere(past, query)}select count(*)::int as "total" from "Grant" g where ${whereOf(query, past ?? ctx.now)}`,
  )
  const rows = await readGrants(ctx, { query, past, limit })
  return { items: rows.map((row) => rowOf(row, past ?? ctx.now)), total: counted?.total ?? 0 }
}

type Which = {
  grantId?: string | undefined
  agentId?: string | undefined
  serverId?: string | undefined
  history: boolean
  /** Only what comes behind this grant. */
  after?: string | undefined
}

/** Which grant comes first; the id makes it one order of all. */
const place = Prisma.sql`g."agentId", g."serverId", g."class", coalesce(g."toolName", ''), g."createdAt", g."id"`

async function readGrants(
  ctx: Ctx,
  { query, past, limit = 5000 }: { query: Which; past: Date | null; limit?: number },
): Promise<RawGrant[]> {
  return await reader(ctx).$queryRaw<RawGrant[]>(
    Prisma.sql`${grantsAsTheyWere(past, query)}select g."id", g."serverId", s."name" as "serverName", s."environment"::text, s."sensitivity"::text, g."class"::text, g."toolName",
        ${grantLimitsSql}, g."reason", g."via", g."requestId", g."createdAt", g."expiresAt", g."revokedAt",
        a."id" as "agentId", a."name" as "agentName", a."status"::text, t."id" as "ownerId", t."name" as "ownerName"
      from "Grant" g join "McpServer" s on s."id" = g."serverId" join "Agent" a on a."id" = g."agentId" join "Team" t on t."id" = a."ownerTeamId"
      where ${whereOf(query, past ?? ctx.now)} order by ${place} limit ${limit}`,
  )
}

async function withReach(
  ctx: Ctx,
  { rows, past }: { rows: readonly RawGrant[]; past: Date | null },
): Promise<GrantView[]> {
  const reaches = await reachOfGrants(ctx, { grants: rows, past })
  return rows.map((row, at) => ({ ...rowOf(row, past ?? ctx.now), ...reaches[at]! }))
}

function rowOf(row: RawGrant, now: Date): GrantRow {
  const { agentId, agentName, status, ownerId, ownerName, createdAt, expiresAt, revokedAt, ...grant } = row
  const expired = expiresAt !== null && expiresAt <= now
  return {
    ...grant,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
    state: revokedAt ? 'revoked' : expired ? 'expired' : 'in_force',
    agent: { id: agentId, name: agentName, status },
    owner: { id: ownerId, name: ownerName },
  }
}

function whereOf(query: Which, now: Date): Prisma.Sql {
  const conditions = [
    ...(query.grantId === undefined ? [] : [Prisma.sql`g."id" = ${query.grantId}::uuid`]),
    ...(query.agentId === undefined ? [] : [Prisma.sql`g."agentId" = ${query.agentId}`]),
    ...(query.serverId === undefined ? [] : [Prisma.sql`g."serverId" = ${query.serverId}`]),
    ...(query.after === undefined
      ? []
      : [Prisma.sql`(${place}) > (select ${place} from "Grant" g where g."id" = ${query.after}::uuid)`]),
    ...(query.history ? [] : [Prisma.sql`g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${now})`]),
  ]
  return conditions.length === 0 ? Prisma.sql`true` : Prisma.join(conditions, ' and ')
}

function grantsAsTheyWere(past: Date | null, { grantId, agentId }: Which): Prisma.Sql {
  const which =
    grantId === undefined ? agentId && Prisma.sql`e."parent" = ${agentId}` : Prisma.sql`e."key" = ${grantId}`
  return asTheyWere(past, [
    which ? { table: 'Grant', where: which } : 'Grant',
    { table: 'Agent', where: Prisma.sql`e."key" in (select "agentId" from "Grant")` },
    'McpServer',
    'Team',
  ])
}

/** A grant on paper, with whom it belongs to. */
type GrantRow = Omit<GrantView, keyof GrantReach>

type RawGrant = Omit<AccessGrant, 'createdAt' | 'expiresAt' | keyof GrantReach> & {
  createdAt: Date
  expiresAt: Date | null
  revokedAt: Date | null
  agentId: string
  agentName: string
  status: AgentStatus
  ownerId: string
  ownerName: string
}
