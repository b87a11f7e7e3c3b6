import { z } from 'zod'
import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { centralRule } from '../rules/central.ts'
import { explainRule, isCentralRule } from '../rules/explain.ts'
import { holdRuleEntry, storedHoldRule } from '../rules/hold-words.ts'
import type { Rule } from '../schema.ts'
import type { TimeoutAction } from '../schema/held-calls.ts'
import type { PolicyWords } from '../schema/policy-sets.ts'

type Row = { number: number; words: PolicyWords; changedByName: string; enforcedByName: string | null }

/** The entry of a rule. What a central policy says is looked up in the set that is in force, or else in the last one that had it; what holds calls, as it was made: a rule of the past is still explained. */
export async function explainStoredRule(ctx: Ctx, id: string): Promise<Rule> {
  const holdRule = storedHoldRule(id)
  if (holdRule !== null) return await explainHoldRule(ctx, id, holdRule)
  if (!isCentralRule(id)) return explainRule(id)
  const wanted = JSON.stringify([{ id }])
  const [row] = await reader(ctx).$queryRaw<Row[]>`
    select "number", w.words, "changedByName", "enforcedByName" from "PolicySet",
      lateral (select value as words from jsonb_array_elements("words") where value->>'id' = ${id} limit 1) w
    where "PolicySet"."words" @> ${wanted}::jsonb
    order by "state" = 'enforced' desc, "state" = 'log_only' desc, "enforcedAt" desc nulls last, "number" desc limit 1`
  return row ? { id, ...centralRule(row.words, setByOf(row)) } : explainRule(id)
}

async function explainHoldRule(ctx: Ctx, id: string, ruleId: string): Promise<Rule> {
  const select = { title: true, deciderRoles: true, decideSeconds: true, onTimeout: true } as const
  const row = z.uuid().safeParse(ruleId).success
    ? await reader(ctx).holdRule.findUnique({ where: { id: ruleId }, select })
    : null
  return holdRuleEntry(id, row && { ...row, onTimeout: row.onTimeout as TimeoutAction })
}

/** The titles of the policies of every set that was tried or enforced, for pages that name rules; of policies with one id the latest counts. */
export async function centralRuleTitles(ctx: Ctx): Promise<Record<string, string>> {
  const rows = await reader(ctx).$queryRaw<{ id: string; title: string }[]>`
    select distinct on (w."id") w."id", w."title"
    from "PolicySet" s, jsonb_to_recordset(s."words") as w("id" text, "effect" text, "title" text)
    where w."effect" = 'forbid' and (s."enforcedAt" is not null or s."logOnlyAt" is not null)
    order by w."id", s."state" = 'enforced' desc, s."enforcedAt" desc nulls last, s."number" desc`
  return Object.fromEntries(rows.map(({ id, title }) => [id, title]))
}

function setByOf({ number, changedByName, enforcedByName }: Row): string {
  const enforced = enforcedByName === null ? 'never enforced' : `enforced by ${enforcedByName}`
  return `${changedByName} (central policy set ${number}, ${enforced})`
}
