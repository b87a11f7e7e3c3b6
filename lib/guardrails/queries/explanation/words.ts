import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { holdRemedy } from '../../rules/hold-words.ts'
import { nextSteps } from '../../rules/next-steps.ts'
import { withLimitOwner } from '../../rules/own-limits.ts'
import { usageOf } from '../../rules/usage.ts'
import type { HeldCallState } from '../../schema/held-calls.ts'
import type { ExplainedFacts, Explanation } from '../../schema/explanation.ts'
import { explainStoredRule } from '../stored-rules.ts'
import { keepersOf } from './keepers.ts'
import { explainPolicy } from './policy-words.ts'
import { setByOf } from './set-by.ts'

type Decided = Pick<Explanation, 'about' | 'outcome' | 'rule'> & { facts: ExplainedFacts; at: Date }
type Words = Pick<Explanation, 'title' | 'meaning' | 'usage' | 'setBy' | 'changedBy' | 'remedy' | 'next'>

const allowed = {
  title: 'Allowed',
  meaning: 'Every step was passed: a grant covers it, the central policies permit it, and no limit was reached.',
}

/** What there is to say of a decision beside its facts: what its rule means, who set it, who can change it, and where to go from here. Callers authorize. */
export async function wordsFor(ctx: Ctx, { about, outcome, rule, facts, at }: Decided): Promise<Words> {
  const agentId = about.agent?.id ?? null
  const decided = { rule, facts, agentId, serverId: about.server?.id ?? null, tool: about.tool, at }
  if (rule === null) {
    const words = { ...allowed, setBy: await setByOf(ctx, decided), next: nextSteps('allowed', about) }
    return { ...words, usage: null, changedBy: null, remedy: null }
  }
  const entry = withLimitOwner(rule, await explainStoredRule(ctx, rule), facts)
  const { policyVersion } = facts
  const version = typeof policyVersion === 'string' ? policyVersion : null
  const [setBy, changedBy, policy] = await Promise.all([
    setByOf(ctx, decided),
    keepersOf(ctx, entry, agentId),
    rule.startsWith('policy_') ? explainPolicy(ctx, { rule, version, at }) : null,
  ])
  const { title, explanation, remedy } = policy?.words ?? entry
  return {
    title,
    meaning: explanation,
    usage: usageOf(rule, facts, at),
    setBy: policy ? { ...setBy, ...policy.setBy } : setBy,
    changedBy,
    remedy: outcome === 'held' ? (holdRemedy(facts, await stateOf(ctx, facts)) ?? remedy) : remedy,
    next: nextSteps(rule, about, facts),
  }
}

/** What became of the call that was held; null: none was. */
async function stateOf(ctx: Ctx, { heldCall }: ExplainedFacts): Promise<HeldCallState | null> {
  if (typeof heldCall !== 'string') return null
  const held = await reader(ctx).heldCall.findUnique({ where: { id: heldCall }, select: { state: true } })
  return held?.state ?? null
}
