import pg from 'pg'
import { expect, inject } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { cloneTemplate } from '#lib/dev/test/template-database.ts'
import { schemaSql } from './schema-sql.ts'

type Catalog = { columns: string[]; enums: string[]; constraints: string[]; indexes: string[] }

dbTest('the migrations make the database that prisma/schema describes', async ({ databaseUrl }) => {
  const empty = await cloneTemplate(inject('testDatabase').serverUrl, 'template1')
  try {
    const described = await readCatalog(empty.databaseUrl, await schemaSql())
    const migrated = await readCatalog(databaseUrl)
    expect(migrated.columns).toEqual(described.columns)
    expect(migrated.enums).toEqual(described.enums)
    // The schema language cannot say partial, expression or trigram indexes: migrations may have more, never less.
    expect(described.constraints.filter((line) => !migrated.constraints.includes(line))).toEqual([])
    expect(described.indexes.filter((line) => !migrated.indexes.includes(line))).toEqual([])
    expect(described.columns.length).toBeGreaterThan(100)
  } finally {
    await empty.drop()
  }
})

async function readCatalog(databaseUrl: string, sql?: string): Promise<Catalog> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    if (sql) await client.query(sql)
    const lines = async (query: string) => (await client.query<{ line: string }>(query)).rows.map(({ line }) => line)
    return {
      columns: await lines(`
        select format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
          case when a.attnotnull then ' not null' else '' end, coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as line
        from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
          and a.attnum > 0 and not a.attisdropped and c.relname <> '_prisma_migrations'
        order by 1`),
      enums: await lines(`
        select format('%s: %s', t.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder)) as line
        from pg_enum e join pg_type t on t.oid = e.enumtypid group by t.typname order by 1`),
      constraints: await lines(`
        select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as line
        from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f', 'c') order by 1`),
      indexes: await lines(`select indexdef as line from pg_indexes where schemaname = 'public' order by 1`),
    }
  } finally {
    await client.end()
  }
}
