import type { Db } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'

/** What is written for every request, whatever comes of it. */
const besides = new Set(['RateLimit', 'IdempotentRequest', 'AuditHead'])
/** Of the audit log what says that something was refused does not count, nor who uses a token when. */
const selections: Record<string, string> = {
  AuditEvent: `where "event" !~ '(_refused|\\.refused|call_denied)$'`,
}
const withoutColumns: Record<string, readonly string[]> = { AccessToken: ['lastUsedAt', 'lastUsedFrom'] }

/** How many rows each table has and a sum over what is in them. Two that are equal: nothing was written in between. */
export async function tableDigests(db: Db): Promise<Record<string, string>> {
  const parts = (await tablesOf(db))
    .filter((name) => !besides.has(name))
    .map((name) => {
      const minus = (withoutColumns[name] ?? []).map((column) => ` - '${column}'`).join('')
      return Prisma.raw(`select '${name}' as "name",
        count(*) || ':' || coalesce(sum(hashtextextended((to_jsonb(t)${minus})::text, 0)), 0) as "digest"
        from "${name}" t ${selections[name] ?? ''}`)
    })
  const rows = await db.$queryRaw<{ name: string; digest: string }[]>`${Prisma.join(parts, ' union all ')}`
  return Object.fromEntries(rows.map(({ name, digest }) => [name, digest]))
}

/** Grows with every transaction that writes or locks: while it stays, nothing can have changed. */
export async function transactionCount(db: Db): Promise<string> {
  const rows = await db.$queryRaw<{ count: string }[]>`select pg_snapshot_xmax(pg_current_snapshot())::text as "count"`
  return rows[0]!.count
}

/** Whether some row holds this text, character by character. */
export async function isStored(db: Db, text: string): Promise<boolean> {
  const parts = (await tablesOf(db)).map(
    (name) =>
      Prisma.sql`select 1 from ${Prisma.raw(`"${name}"`)} t where strpos(to_jsonb(t)::text, ${JSON.stringify(text).slice(1, -1)}) > 0`,
  )
  const rows = await db.$queryRaw<unknown[]>`${Prisma.join(parts, ' union all ')} limit 1`
  return rows.length > 0
}

async function tablesOf(db: Db): Promise<string[]> {
  const tables = await db.$queryRaw<{ name: string }[]>`
    select relname as "name" from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and relname not like '\\_%'
    order by 1`
  return tables.map(({ name }) => name)
}
