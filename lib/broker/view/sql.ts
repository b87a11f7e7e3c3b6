import type pg from 'pg'
import type { FactsSql } from '#lib/guardrails/queries/facts-sql.ts'

/** A statement that is prepared once a connection, and the shape of its rows. */
export type Sql<Row> = FactsSql<Row>

/** @param timeoutMs where it may take longer than the connection waits for others */
export async function run<Row>(
  client: pg.ClientBase,
  sql: Sql<Row>,
  values: unknown[] = [],
  timeoutMs?: number,
): Promise<Row[]> {
  // `pg` reads it of a single query, too; its types do not know that.
  const query: pg.QueryConfig & { query_timeout?: number } = { name: sql.name, text: sql.text, values }
  if (timeoutMs !== undefined) query.query_timeout = timeoutMs
  const result = await client.query(query)
  return result.rows as Row[]
}
