import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { stillWaits } from '#lib/core/second-person.ts'
import type { Tx } from '#lib/db/client.ts'
import type { PolicySetSurroundings } from '../rules/policy-set-life.ts'
import { mayAllowMore } from '../rules/loosening.ts'
import { termsFor, trialOf, type TrialFacts } from '../rules/policy-trial.ts'
import {
  looseningTermsMin,
  type ProposedTerms,
  type TrialTerms,
  trialTermsDefault,
  type TrialTermsView,
} from '../schema/policy-trial.ts'
import { firstSeqSince } from './first-seq.ts'

type Tried = {
  number: number
  version: string
  policies: readonly string[]
  logOnlyAt: Date | null
  logOnlyEndedAt: Date | null
}

/** Which sets are in force and log-only, and how far this one was tried. */
export async function surroundingsOf(tx: Tx, set: Tried, now: Date): Promise<PolicySetSurroundings> {
  const used = await tx.policySet.findMany({
    where: { state: { in: ['enforced', 'log_only'] } },
    select: { number: true, state: true, policies: true },
  })
  const numberOf = (state: string) => used.find((each) => each.state === state)?.number ?? null
  const inForce = used.find(({ state }) => state === 'enforced')?.policies ?? []
  const loosens = mayAllowMore(set.policies, inForce)
  const terms = termsFor({ terms: await termsOf(tx), loosens })
  const replay = await bestReplay(tx, set)
  const logOnly = await logOnlyOf(tx, { set, terms, now })
  return {
    enforced: numberOf('enforced'),
    logOnly: numberOf('log_only'),
    trial: trialOf({ replay, logOnly, terms, loosens }),
  }
}

/** What has to be before a set counts as tried, and who set that. Callers authorize. */
export async function trialTerms(ctx: Ctx): Promise<TrialTermsView> {
  const row = await reader(ctx).policyTrialTerms.findUnique({ where: { id: 1 } })
  const more = { loosening: looseningTermsMin, proposed: await proposedTerms(ctx) }
  if (!row) return { ...trialTermsDefault, setBy: null, setAt: null, ...more }
  const { logOnlyMinutes, logOnlyCalls, changedByName, changedAt } = row
  return { logOnlyMinutes, logOnlyCalls, setBy: changedByName, setAt: changedAt.toISOString(), ...more }
}

async function proposedTerms(ctx: Ctx): Promise<ProposedTerms | null> {
  const row = await reader(ctx).policyTrialProposal.findUnique({ where: { id: 1 } })
  if (!row || !stillWaits(row.proposedAt, ctx.now)) return null
  const { logOnlyMinutes, logOnlyCalls, proposedById, proposedByName, proposedAt } = row
  const by = { id: proposedById, name: proposedByName }
  return { logOnlyMinutes, logOnlyCalls, by, at: proposedAt.toISOString() }
}

/** What has to be before a set counts as tried. For the module's own commands. */
export async function termsOf(tx: Tx): Promise<TrialTerms> {
  const select = { logOnlyMinutes: true, logOnlyCalls: true } as const
  return (await tx.policyTrialTerms.findUnique({ where: { id: 1 }, select })) ?? trialTermsDefault
}

/** Of the finished replays of exactly this text the one that decided most calls again. */
async function bestReplay(tx: Tx, { number, version }: Tried): Promise<TrialFacts['replay']> {
  const [best] = await tx.$queryRaw<{ calls: number; judged: number; from: Date; to: Date }[]>`
    select ("report"->>'calls')::int as "calls", ("report"->>'judged')::int as "judged", "fromAt" as "from", "toAt" as "to"
    from "PolicyReplay" where "setNumber" = ${number} and "setVersion" = ${version} and "state" = 'done'
    order by 2 desc, 1 desc, "toAt" desc limit 1`
  return best ? { ...best, from: best.from.toISOString(), to: best.to.toISOString() } : null
}

/** Counts no further than the terms want: the log of a long time is not read for it. */
async function logOnlyOf(
  tx: Tx,
  { set, terms, now }: { set: Tried; terms: TrialTerms; now: Date },
): Promise<TrialFacts['logOnly']> {
  const { version, logOnlyAt: from, logOnlyEndedAt } = set
  if (!from) return null
  const to = logOnlyEndedAt ?? now
  const [counted] = await tx.$queryRaw<{ calls: number }[]>`
    select count(*)::int as "calls" from (
      select 1 from "AuditEvent" where "event" in ('mcp.call_allowed', 'mcp.call_denied') and "detail" ? 'situation'
        and "at" >= ${from} and "at" <= ${to} and "seq" >= ${firstSeqSince(from)}
        and not ("detail" ? 'candidate' and "detail"->'candidate'->>'version' = ${version} and "detail"->'candidate' ? 'unread')
      limit ${terms.logOnlyCalls}) c`
  const minutes = Math.max(0, Math.floor((to.getTime() - from.getTime()) / 60_000))
  return { minutes, calls: counted?.calls ?? 0 }
}
