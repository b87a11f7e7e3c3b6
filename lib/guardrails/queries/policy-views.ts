import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { ParsedPolicy } from '../cedar/check.ts'
import { firstSeqSince } from './first-seq.ts'
import type { PolicyView } from '../schema/policy-sets.ts'

type Since = { text: string; number: number; by: string; at: Date }

/** What each policy of a set says, since when it says that, and how many calls it refused in the last 24 hours. Callers authorize. */
export async function policyViews(
  ctx: Ctx,
  set: { number: number },
  policies: readonly ParsedPolicy[],
): Promise<PolicyView[]> {
  const db = reader(ctx)
  const texts = policies.map(({ text }) => text)
  // The first set that had exactly this text: whoever wrote that one set it.
  const since = await db.$queryRaw<Since[]>`
    select distinct on (p.text) p.text, s."number", s."changedByName" as "by", s."changedAt" as "at"
    from "PolicySet" s, unnest(s."policies") as p(text)
    where s."number" <= ${set.number} and (s."number" = ${set.number} or s."enforcedAt" is not null) and p.text = any(${texts})
    order by p.text, s."number"`
  const refusals = await refusedSince(ctx, {
    ids: policies.filter(({ words }) => words.effect === 'forbid').map(({ words }) => words.id),
    from: new Date(ctx.now.getTime() - 24 * 3_600_000),
  })
  return policies.map(({ words, text, line }) => {
    const { number, by, at } = since.find((one) => one.text === text) ?? { number: set.number, by: '', at: ctx.now }
    return {
      ...words,
      text,
      line,
      since: { number, by, at: at.toISOString() },
      refused24h: refusals.get(words.id) ?? 0,
    }
  })
}

async function refusedSince(ctx: Ctx, { ids, from }: { ids: string[]; from: Date }): Promise<Map<string, number>> {
  const rows = await reader(ctx).$queryRaw<{ rule: string; calls: number }[]>`
    select "rule", count(*)::int as "calls" from "AuditEvent"
    where "rule" = any(${ids}) and "event" = 'mcp.call_denied' and "at" > ${from}
      and "seq" >= ${firstSeqSince(from)}
    group by "rule"`
  return new Map(rows.map(({ rule, calls }) => [rule, calls]))
}
