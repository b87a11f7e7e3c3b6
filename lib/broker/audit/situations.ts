import type pg from 'pg'
import type { CandidateVerdict } from '#lib/guardrails/rules/candidate.ts'
import { type Judged, type Situation, situationOf } from '#lib/guardrails/rules/situation.ts'
import type { AuditRow } from './records.ts'

// What the policies were asked is stored once for all calls that ask the same; their audit rows name it.

const situation = Symbol('situation')
const hourMs = 3_600_000

type NamingRow = AuditRow & { [situation]?: Situation }

/** What an audit row says of the policies' answer. `decidedAt` only when that was in another hour than the row's, since policies may ask for the hour. */
export type JudgedDetail = {
  situation?: string
  policyVersion?: string
  decidedAt?: string
  candidate?: CandidateVerdict
}

export function judgedDetail(judged: Judged | undefined, now: Date): JudgedDetail {
  if (!judged) return {}
  const { version, at, candidate } = judged
  const detail: JudgedDetail = { situation: situationOf(judged.question).digest, policyVersion: version }
  if (hourOf(at) !== hourOf(now)) detail.decidedAt = at.toISOString()
  if (candidate) detail.candidate = candidate
  return detail
}

/** The row, together with the situation that must be durable no later than it. Not a member of its JSON. */
export function naming(row: AuditRow, judged: Judged | undefined): AuditRow {
  if (judged) (row as NamingRow)[situation] = situationOf(judged.question)
  return row
}

export function situationNamedBy(row: AuditRow): Situation | null {
  return (row as NamingRow)[situation] ?? null
}

/**
 * Stores those that this connection has not stored yet, and remembers them once they are durable. Many brokers may store the same at once: in one
 * order, so that none waits for another in a circle.
 */
export async function storeSituations(
  client: pg.Client,
  named: readonly (Situation | null)[],
  stored: WeakSet<Situation>,
): Promise<void> {
  const fresh = new Map<string, Situation>()
  for (const each of named) if (each && !stored.has(each)) fresh.set(each.digest, each)
  if (fresh.size === 0) return
  const rows = [...fresh.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  await client.query({
    name: 'store_situations',
    text: `insert into "PolicySituation" ("digest", "facts")
      select s."digest", s."facts" from jsonb_to_recordset($1::jsonb) as s("digest" text, "facts" jsonb) on conflict do nothing`,
    values: [JSON.stringify(rows)],
  })
  for (const each of named) if (each) stored.add(each)
}

function hourOf(at: Date): number {
  return Math.floor(at.getTime() / hourMs)
}
