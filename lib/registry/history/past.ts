import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { accessTableFormat } from '../schema/access-table.ts'
import type { ToolClass } from '../schema.ts'
import type { MomentView } from '../schema/history.ts'

/** The tables whose history is kept (migration 0024). */
export type KeptTable =
  | 'Agent'
  | 'Grant'
  | 'ScopeRequest'
  | 'Team'
  | 'Person'
  | 'McpServer'
  | 'McpTool'
  | 'Template'
  | 'TemplateVersion'
  | 'StopOrder'

type Which = {
  table: KeptTable
  /** SQL over a history entry `e`: narrows what is read. */
  where?: Prisma.Sql
  /** What is read of a row, by type: taking some columns out of the record costs a fourth of taking all. Left out: all. */
  columns?: Readonly<Record<string, string>>
}

const shapes = [/^\d{4}-\d{2}-\d{2}$/, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/]

/**
 * The instant a person or program wrote. Its state never changes any more: who is committing is waited for, and later commits get later
 * times. Throws `invalid`, naming the field and the earliest instant there is, for one that is malformed, in the future or too early.
 */
export async function instantOf(ctx: Ctx, { field, value }: { field: string; value: string }): Promise<Date> {
  return (await momentOf(ctx, { field, value })).at
}

/** The same with what the records say about it. Null: now, by the clock of the records. */
export async function momentOf(ctx: Ctx, asked: { field: string; value: string | null }): Promise<Moment> {
  const db = reader(ctx)
  const at = asked.value === null ? await clockOf(db) : parseInstant(asked.value)
  // Years that PostgreSQL cannot read are before all records, too.
  const until = new Date(Math.max(at?.getTime() ?? 0, 0))
  await db.$executeRaw`select pg_advisory_xact_lock_shared(hashtextextended('wheelhouse.history', 0))`
  const [head] = await db.$queryRaw<Head[]>`select h."began",
    date_trunc('milliseconds', clock_timestamp()) as "now",
    (select m."auditSeq" from "HistoryMoment" m where m."at" <= ${until} order by m."at" desc limit 1) as "auditSeq",
    (select json_build_object('number', p."number", 'known', exists (select 1 from "PolicyAccess" a where a."version" = p."version" || ${`:${accessTableFormat}`}))
      from (${enforcedThenSql(until)}) p) as "policySet"
    from "HistoryHead" h where h."id" = 1`
  const { began, now, auditSeq, policySet } = head!
  const problem = problemOf(at, { began, now })
  if (problem === null) return { at: at!, began, auditSeq: auditSeq ?? 0n, policySet }
  const message = `${asked.field}: ${problem} The records begin at ${began.toISOString()}.`
  throw new DomainError('invalid', message, {
    field: asked.field,
    earliest: began.toISOString(),
    rule: 'history:instant',
  })
}

export type Moment = { at: Date; began: Date; auditSeq: bigint; policySet: MomentView['policySet'] }
type Head = { began: Date; now: Date; auditSeq: bigint | null; policySet: MomentView['policySet'] }

export function momentView({ at, began, auditSeq, policySet }: Moment): MomentView {
  return { at: at.toISOString(), began: began.toISOString(), auditSeq: auditSeq.toString(), policySet }
}

/** The set of central policies that was enforced at an instant: one row, or none. */
export function enforcedThenSql(at: Date): Prisma.Sql {
  return Prisma.sql`select "number", "version" from "PolicySetPeriod"
    where "fromAt" <= ${at} and ("untilAt" is null or "untilAt" > ${at}) order by "id" desc limit 1`
}

/**
 * Tables as they were at an instant, as parts of a `with`: under their own names, so that what asks them is the same SQL that asks the
 * present. Null: the present, and nothing stands before.
 */
export function asTheyWere(at: Date | null, tables: readonly (KeptTable | Which)[]): Prisma.Sql {
  if (!at) return Prisma.empty
  return Prisma.sql`with ${partsOf(at, tables)} `
}

/** The same before further parts of a `with`. */
export function withAsTheyWere(at: Date | null, tables: readonly (KeptTable | Which)[]): Prisma.Sql {
  return at ? Prisma.sql`with ${partsOf(at, tables)}, ` : Prisma.sql`with `
}

function partsOf(at: Date, tables: readonly (KeptTable | Which)[]): Prisma.Sql {
  return Prisma.join(
    tables.map((of) => partOf(at, typeof of === 'string' ? { table: of } : of)),
    ', ',
  )
}

function partOf(at: Date, { table, where, columns }: Which): Prisma.Sql {
  const name = Prisma.raw(`"${table}"`)
  const was = Prisma.sql`(${latestSql(at, { table, where })}) was`
  const rows = columns
    ? Prisma.sql`select ${columnsSql(columns)} from ${was}`
    : Prisma.sql`select r.* from ${was} cross join lateral jsonb_populate_record(null::${name}, was."state") r`
  return Prisma.sql`${name} as materialized (${rows} where was."state" is not null)`
}

function columnsSql(columns: Readonly<Record<string, string>>): Prisma.Sql {
  const taken = Object.entries(columns).map(([column, type]) =>
    type === 'jsonb'
      ? `was."state"->'${column}' as "${column}"`
      : `(was."state"->>'${column}')::${type} as "${column}"`,
  )
  return Prisma.raw(taken.join(', '))
}

function latestSql(at: Date, { table, where }: { table: KeptTable; where?: Prisma.Sql | undefined }): Prisma.Sql {
  return Prisma.sql`select distinct on (e."key") e."key", e."parent", e."seq", e."state"
    from "HistoryEntry" e join "HistoryMoment" m on m."id" = e."momentId"
    where e."kind" = ${table} and m."at" <= ${at} ${where ? Prisma.sql`and ${where}` : Prisma.empty}
    order by e."key", e."seq" desc`
}

/** The ids of all agents that there have been. */
export async function agentsEver(db: Tx): Promise<string[]> {
  const [row] = await db.$queryRaw<{ ids: string[] }[]>`select coalesce(json_agg(e."key" order by e."key"), '[]') as ids
    from (select distinct "key" from "HistoryEntry" where "kind" = 'Agent') e`
  return row!.ids
}

/** What may have been otherwise at an instant than it is now. */
export type Otherwise = {
  /** The agents whose entry or a grant of which has changed since. */
  changed: string[]
  /** Of the others, the grants that end in between: nothing else about them has changed. */
  ending: EndingGrant[]
}
export type EndingGrant = [
  agentId: string,
  serverId: string,
  of: ToolClass,
  toolName: string | null,
  breakGlass: boolean,
  conditional: boolean,
  expiresAt: number,
]

/** `clock`: until when grants have been told to be over. */
export async function otherwiseAt(db: Tx, { at, clock }: { at: Date; clock: Date }): Promise<Otherwise> {
  const [row] = await db.$queryRaw<Otherwise[]>(otherwiseSql({ at, clock }))
  return row!
}

/** One statement, so that no grant changes between the two questions. */
export function otherwiseSql({ at, clock }: { at: Date; clock: Date }): Prisma.Sql {
  const [from, to] = at < clock ? [at, clock] : [clock, at]
  return Prisma.sql`with changed as materialized (
      select distinct e."parent" as "id" from "HistoryMoment" m join "HistoryEntry" e on e."momentId" = m."id"
      where m."at" > ${at} and e."kind" in ('Agent', 'Grant'))
    select coalesce((select json_agg(c."id") from changed c), '[]') as "changed",
      coalesce((select json_agg(json_build_array(g."agentId", g."serverId", g."class", g."toolName", g."via" = 'break_glass',
          g."conditions" <> '[]', (extract(epoch from g."expiresAt") * 1000)::bigint))
        from "Grant" g where g."expiresAt" > ${from} and g."expiresAt" <= ${to} and g."revokedAt" is null
          and not exists (select 1 from changed c where c."id" = g."agentId")), '[]') as "ending"`
}

async function clockOf(db: Tx): Promise<Date> {
  const [row] = await db.$queryRaw<{ now: Date }[]>`select date_trunc('milliseconds', clock_timestamp()) as "now"`
  return row!.now
}

function parseInstant(value: string): Date | null {
  if (!shapes.some((shape) => shape.test(value))) return null
  const at = new Date(value)
  return Number.isNaN(at.getTime()) ? null : at
}

function problemOf(at: Date | null, { began, now }: { began: Date; now: Date }): string | null {
  if (at === null) return 'write an instant like 2026-11-25T10:00:00Z, or a day like 2026-11-25 (its beginning in UTC).'
  if (at > now) return `${at.toISOString()} is in the future; it is ${now.toISOString()} now.`
  if (at < began) return `${at.toISOString()} is before anything was recorded.`
  return null
}
