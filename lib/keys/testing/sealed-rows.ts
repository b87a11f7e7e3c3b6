import { randomUUID } from 'node:crypto'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { nextRowsSql, type SealedPlace, type SealedRow } from '../sealed-places.ts'

type Column = { name: string; type: string; label: string | null }

/** A row of its own for a place, whatever its table: what else it must hold is filled in, and what it refers to need not be there. Returns its id. */
export async function makeSealedRow(
  db: Db,
  place: SealedPlace,
  { box, secret }: { box: SecretBox; secret: string },
): Promise<string> {
  const id = randomUUID()
  const row: SealedRow = { id, sealed: new Uint8Array(), serverId: `server-${id}`, teamId: null }
  const sealed = await box.seal(secret, place.contextOf(row))
  const columns = await db.$queryRaw<Column[]>`
    select c.column_name as "name", c.udt_name as "type",
      (select e.enumlabel from pg_enum e join pg_type t on t.oid = e.enumtypid where t.typname = c.udt_name order by e.enumsortorder limit 1) as "label"
    from information_schema.columns c
    where c.table_schema = 'public' and c.table_name = ${place.table} and c.is_nullable = 'NO' and c.column_default is null`
  const values = new Map(columns.map(({ name, type, label }) => [name, valueOf(type, label)]))
  values.set(place.idColumn, columns.find(({ name }) => name === place.idColumn)?.type === 'uuid' ? uuid(id) : text(id))
  if (values.has('serverId')) values.set('serverId', text(row.serverId!))
  values.set(place.column, Prisma.sql`${sealed}`)
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`set local session_replication_role = replica`
    await tx.$executeRaw`insert into ${Prisma.raw(`"${place.table}"`)} (${Prisma.raw([...values.keys()].map((name) => `"${name}"`).join(', '))})
      values (${Prisma.join([...values.values()])})`
  })
  return id
}

/** What is sealed in that row now, and what it is bound to. */
export async function readSealedRow(db: Db, place: SealedPlace, id: string) {
  const rows = await db.$queryRaw<SealedRow[]>(nextRowsSql(place, '', 1000))
  const row = rows.find((each) => each.id === id)
  if (!row) throw new Error(`There is no row ${id} of ${place.table}.${place.column}.`)
  return { sealed: row.sealed, context: place.contextOf(row) }
}

const text = (value: string) => Prisma.sql`${value}`
const uuid = (value: string) => Prisma.sql`${value}::uuid`

function valueOf(type: string, label: string | null): Prisma.Sql {
  if (label !== null) return Prisma.sql`${label}::${Prisma.raw(`"${type}"`)}`
  switch (type) {
    case 'uuid':
      return uuid(randomUUID())
    case 'bytea':
      return Prisma.sql`''::bytea`
    case 'timestamptz':
      return Prisma.sql`now()`
    case 'json':
    case 'jsonb':
      return Prisma.sql`'{}'::jsonb`
    case 'bool':
      return Prisma.sql`false`
    case 'text':
      return text(randomUUID())
    default:
      return type.startsWith('_') ? Prisma.sql`'{}'` : Prisma.sql`0`
  }
}
