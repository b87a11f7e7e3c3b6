import type pg from 'pg'

/** A statement that is prepared once a connection, and the shape of its rows. */
export type Sql<Row> = { readonly name: string; readonly text: string; readonly row?: Row }

export async function run<Row>(client: pg.ClientBase, sql: Sql<Row>, values: unknown[] = []): Promise<Row[]> {
  const result = await client.query({ name: sql.name, text: sql.text, values })
  return result.rows as Row[]
}
