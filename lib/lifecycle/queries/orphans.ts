import { z } from 'zod'
import { authorize, can, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { timeText } from '#lib/core/instant.ts'
import { agentSlug } from '#lib/core/slug.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { AgentStatus, Tier } from '#lib/registry/schema.ts'
import { type OrphanList, type OrphanQuery, orphanQuery, type OrphanView } from '../schema.ts'

/**
 * The agents nobody answers for, a page at a time: those that still run first, of them those that are suspended soonest; `mine`: only those
 * one may act for. Needs `agents:read`; throws `invalid` for a cursor that is wrong.
 */
export async function listOrphans(ctx: Ctx, query: OrphanQuery = {}): Promise<OrphanList> {
  authorize(ctx, 'agents:read')
  const { mine, limit, cursor } = orphanQuery.parse(query)
  const which = mine ? mayActFor(ctx) : Prisma.sql`true`
  const rows = await read(ctx, { which: Prisma.sql`${which} and ${after(cursor)}`, limit: limit + 1 })
  const page = rows.slice(0, limit)
  return {
    items: page.map(toView),
    total: await count(ctx, which),
    nextCursor: rows.length > limit ? cursorOf(page.at(-1)!) : null,
  }
}

/** Since when nobody answers for an agent, and until when it goes on; null: somebody does. Needs `agents:read`. */
export async function getOrphan(ctx: Ctx, agentId: string): Promise<OrphanView | null> {
  authorize(ctx, 'agents:read')
  const [row] = await read(ctx, { which: Prisma.sql`a."id" = ${agentId}`, limit: 1 })
  return row ? toView(row) : null
}

/** As `mayActForTeam` says, for all agents at once. */
function mayActFor({ actor }: Ctx): Prisma.Sql {
  if (can(actor, 'agents:any_team')) return Prisma.sql`true`
  return Prisma.sql`a."ownerTeamId" = any(${actor.kind === 'person' ? [...actor.teamIds] : []}::text[])`
}

const orphaned = Prisma.sql`"Person" p join "Agent" a on a."accountablePersonId" = p."id"
    join "Team" t on t."id" = a."ownerTeamId"
    left join "OrphanedAgent" o on o."agentId" = a."id" and o."personId" = p."id"
    where not p."active" and a."status" <> 'retired'`
/** What the order goes by: suspended last; the worker has yet to see those without an end of their grace. */
const place = Prisma.sql`o."suspendedAt" is not null, coalesce(o."suspendAt", 'infinity'), a."id"`

async function read(ctx: Ctx, { which, limit }: { which: Prisma.Sql; limit: number }): Promise<RawOrphan[]> {
  return await reader(ctx).$queryRaw<RawOrphan[]>`select a."id", a."name", a."tier"::text, a."status"::text,
      t."id" as "teamId", t."name" as "teamName", p."id" as "personId", p."name" as "personName",
      coalesce(o."because", p."deactivatedBecause", 'unknown') as "because",
      coalesce(o."since", p."deactivatedAt", ${ctx.now}) as "since", o."suspendAt", o."suspendedAt"
    from ${orphaned} and ${which} order by ${place} limit ${limit}`
}

async function count(ctx: Ctx, which: Prisma.Sql): Promise<number> {
  const [row] = await reader(ctx).$queryRaw<{ count: number }[]>`
    select count(*)::int as "count" from ${orphaned} and ${which}`
  return row!.count
}

const position = z.tuple([z.boolean(), z.union([timeText({ precision: 3 }), z.literal('infinity')]), agentSlug])

function cursorOf({ suspendedAt, suspendAt, id }: RawOrphan): string {
  const at: z.infer<typeof position> = [suspendedAt !== null, suspendAt?.toISOString() ?? 'infinity', id]
  return Buffer.from(JSON.stringify(at)).toString('base64url')
}

function after(cursor: string | undefined): Prisma.Sql {
  if (cursor === undefined) return Prisma.sql`true`
  const [suspended, suspendAt, id] = readPosition(cursor)
  return Prisma.sql`(${place}) > (${suspended}::boolean, ${suspendAt}::timestamptz, ${id}::text)`
}

function readPosition(cursor: string): z.infer<typeof position> {
  try {
    return position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', {
      field: 'cursor',
      rule: 'lifecycle:cursor',
    })
  }
}

function toView(row: RawOrphan): OrphanView {
  return {
    agent: { id: row.id, name: row.name, tier: row.tier, status: row.status },
    owner: { id: row.teamId, name: row.teamName },
    person: { id: row.personId, name: row.personName },
    because: row.because,
    since: row.since.toISOString(),
    suspendAt: row.suspendAt?.toISOString() ?? null,
    suspendedAt: row.suspendedAt?.toISOString() ?? null,
  }
}

type RawOrphan = {
  id: string
  name: string
  tier: Tier
  status: AgentStatus
  teamId: string
  teamName: string
  personId: string
  personName: string
  because: string
  since: Date
  suspendAt: Date | null
  suspendedAt: Date | null
}
