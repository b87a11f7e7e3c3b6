import { appendStatement } from '#lib/broker/audit/observations.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Recorded } from './decide-run.ts'

/** Rows in one statement: enough that a commit costs little for each. */
const rowsAtOnce = 5_000

/** Appends to the audit log as brokers do: what the policies were asked first, then the rows with what their arguments were like. */
export async function appendRecorded(tx: Tx, rows: readonly Recorded[], stored: Set<string>): Promise<void> {
  const situations = new Map(
    rows.flatMap(({ situation: each }) => (each && !stored.has(each.digest) ? [[each.digest, each]] : [])),
  )
  if (situations.size > 0) {
    const named = JSON.stringify([...situations.values()])
    await tx.$executeRaw`
      insert into "PolicySituation" ("digest", "facts")
      select s."digest", s."facts" from jsonb_to_recordset(${named}::jsonb) as s("digest" text, "facts" jsonb) on conflict do nothing`
    for (const digest of situations.keys()) stored.add(digest)
  }
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const part = rows.slice(from, from + rowsAtOnce)
    const observed = part.flatMap(({ id, observation }) => (observation === null ? [] : [{ id, facts: observation }]))
    const { text, values } = appendStatement(`[${part.map(({ json }) => json).join(',')}]`, { observed, nudge: false })
    await tx.$queryRawUnsafe(text, ...values)
  }
}
