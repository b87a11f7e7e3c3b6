import type { Tx } from '#lib/db/client.ts'
import type { PolicySetSurroundings } from '../rules/policy-set-life.ts'

/** Whether recorded calls were replayed with exactly this text, how many the largest replay decided again, and whether it judged in log-only. */
export async function hasEvidence(
  tx: Tx,
  { number, version }: { number: number; version: string },
): Promise<{ replayed: boolean; judged: number; logged: boolean }> {
  const [replays] = await tx.$queryRaw<{ count: number; judged: number }[]>`
    select count(*)::int as "count", coalesce(max(("report"->>'judged')::int), 0) as "judged" from "PolicyReplay"
    where "setNumber" = ${number} and "setVersion" = ${version} and "state" = 'done'`
  const logged = await tx.policySet.count({ where: { number, version, logOnlyAt: { not: null } } })
  const { count, judged } = replays!
  return { replayed: count > 0, judged, logged: logged > 0 }
}

/** Which sets are in force and log-only, and whether this one was tried. */
export async function surroundingsOf(
  tx: Tx,
  { number, version }: { number: number; version: string },
): Promise<PolicySetSurroundings> {
  const used = await tx.policySet.findMany({
    where: { state: { in: ['enforced', 'log_only'] } },
    select: { number: true, state: true },
  })
  const numberOf = (state: string) => used.find((set) => set.state === state)?.number ?? null
  const { replayed, logged } = await hasEvidence(tx, { number, version })
  return { enforced: numberOf('enforced'), logOnly: numberOf('log_only'), tried: replayed || logged }
}
