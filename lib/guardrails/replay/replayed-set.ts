import { methodPrefix } from '#lib/registry/schema.ts'
import { checkedPolicies } from '../cedar/checked.ts'
import { dependenceOf } from '../cedar/dependence.ts'
import { namedTypes } from '../cedar/named-types.ts'
import { joinPolicies } from '../cedar/split.ts'
import { openPolicySet, policySchema, type StoredPolicySet } from '../queries/policy-source.ts'
import type { Verdict } from '../rules/replay.ts'
import { questionOf } from '../rules/situation.ts'
import type { SituationFacts } from '../schema/situations.ts'

/** So many answers are remembered: where policies name agents or tools, questions are as many as situations. */
const answersMax = 50_000

/** A set of policies as a replay asks it. */
export type ReplayedSet = {
  version: string
  /** Why it cannot judge; null: it can. */
  problem: string | null
  /** Its answers may differ by the hour of the week. */
  timed: boolean
  verdict: Verdict
}

/**
 * Asks Cedar once for all questions that differ only in what the policies do not look at: names of agents, servers and tools that no policy says, and hours
 * that none asks for. Thousands of situations are then a few hundred questions.
 */
export async function replayedSet(stored: StoredPolicySet): Promise<ReplayedSet> {
  const set = await openPolicySet(stored)
  const { policies } = await checkedPolicies(joinPolicies(stored.policies), policySchema)
  const parsed = policies.map(({ json }) => json)
  const dependence = dependenceOf(parsed)
  const named = namedTypes(parsed)
  const answers = new Map<string, string | null>()
  // Situations come one after the other, each with its hours.
  let last: { facts: SituationFacts; key: string } | undefined
  return {
    version: set.version,
    problem: set.problem,
    timed: dependence.hour || dependence.weekday,
    verdict(facts, hour) {
      if (last?.facts !== facts) last = { facts, key: lookedAt(facts, { named, session: dependence.session }) }
      const hours =
        hour === null ? '' : `${dependence.hour ? hour % 24 : ''}|${dependence.weekday ? Math.floor(hour / 24) : ''}`
      const key = `${last.key}|${hours}`
      let rule = answers.get(key)
      if (rule === undefined) {
        if (answers.size >= answersMax) answers.clear()
        answers.set(key, (rule = set.judge(questionOf(facts, hour ?? 0))))
      }
      return rule
    },
  }
}

/** Names that no policy says are left out: whoever is called what is then the same to them, as long as what is the same stays the same. */
function lookedAt(
  { agent, server, tool, grants, simulated, breakGlass, session }: SituationFacts,
  on: { named: ReadonlySet<string>; session: boolean },
): string {
  const { named } = on
  // What is granted is called after its server and its tool.
  const access = named.has('Access')
  const toolNamed = access || named.has('Tool') || tool.isMethod || tool.name.startsWith(methodPrefix)
  return JSON.stringify([
    named.has('Agent') && agent.id,
    named.has('Team') && agent.team,
    named.has('Template') && agent.template,
    agent.tier,
    (access || named.has('Server') || named.has('Tool')) && server.id,
    server.environment,
    server.sensitivity,
    server.demo,
    toolNamed && tool.name,
    tool.class,
    tool.isMethod,
    grants.map((grant) => [grant.class, grant.toolName === tool.name || grant.toolName]),
    simulated,
    breakGlass,
    on.session && session,
  ])
}
