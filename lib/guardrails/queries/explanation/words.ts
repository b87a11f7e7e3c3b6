import type { Ctx } from '#lib/auth/ctx.ts'
import { nextSteps } from '../../rules/next-steps.ts'
import { withLimitOwner } from '../../rules/own-limits.ts'
import { usageOf } from '../../rules/usage.ts'
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
const held = {
  title: 'Held for a person',
  meaning: 'A rule holds such calls until somebody decides about this one.',
}

/** What there is to say of a decision beside its facts: what its rule means, who set it, who can change it, and where to go from here. Callers authorize. */
export async function wordsFor(ctx: Ctx, { about, outcome, rule, facts, at }: Decided): Promise<Words> {
  const agentId = about.agent?.id ?? null
  const decided = { rule, facts, agentId, serverId: about.server?.id ?? null, tool: about.tool, at }
  if (rule === null) {
    const next = nextSteps(outcome === 'held' ? 'hold_rule' : 'allowed', about)
    const words = { ...(outcome === 'held' ? held : allowed), setBy: await setByOf(ctx, decided), next }
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
    remedy,
    next: nextSteps(rule, about, facts),
  }
}
