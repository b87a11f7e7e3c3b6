import type pg from 'pg'
import type { FactsSql } from '#lib/guardrails/queries/facts-sql.ts'

/** A statement that is prepared once a connection, and the shape of its rows. */
export type Sql<Row> = FactsSql<Row>

export async function run<Row>(client: pg.ClientBase, sql: Sql<Row>, values: unknown[] = []): Promise<Row[]> {
  const result = await client.query({ name: sql.name, text: sql.text, values })
  return result.rows as Row[]
}
