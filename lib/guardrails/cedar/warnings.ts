import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import { runTriggers } from '../rules/facts.ts'
import type { PolicyProblem } from '../schema/policy-sets.ts'
import type { ParsedPolicy } from './check.ts'

/** The words an attribute can have, which to the type checker are any text. */
const words: Record<string, readonly string[]> = {
  tier: tiers,
  class: toolClasses,
  environment: environments,
  sensitivity: sensitivities,
  startedBy: runTriggers,
}

/** What type-checks and is hardly meant: nothing is permitted, a permission of the set in force is gone, or a value is compared that there is not. */
export function policyWarnings(policies: readonly ParsedPolicy[], permittedBefore: readonly string[]): PolicyProblem[] {
  const found: PolicyProblem[] = []
  const permits = policies.filter(({ words }) => words.effect === 'permit').map(({ words }) => words.id)
  if (permits.length === 0) {
    const help = 'Without a policy that permits, the set refuses every call of every agent once it is enforced.'
    found.push({ policyId: null, line: 1, column: 1, message: 'No policy permits anything.', help })
  } else
    for (const id of permittedBefore.filter((id) => !permits.includes(id))) {
      const help = 'What only it permits is refused once the set is enforced.'
      found.push({ policyId: id, line: 1, column: 1, message: `The policy ${id} of the set in force is gone.`, help })
    }
  for (const policy of policies)
    for (const { attribute, value } of comparisonsIn(policy.json)) {
      const known = words[attribute]
      if (!known || known.includes(value)) continue
      const { line } = policy
      const message = `No ${attribute} is "${value}", so this comparison is never true.`
      found.push({ policyId: policy.words.id, line, column: 1, message, help: `There are: ${known.join(', ')}.` })
    }
  return found
}

/** Who and what a policy names, by type and id. */
export function entitiesNamed(policy: PolicyJson): { type: string; id: string }[] {
  const found: { type: string; id: string }[] = []
  visit(policy, (node) => {
    const { type, id } = node as { type?: unknown; id?: unknown }
    if (typeof type === 'string' && typeof id === 'string' && type !== 'Wheelhouse::Action') found.push({ type, id })
  })
  return found
}

type Comparison = { attribute: string; value: string }

function comparisonsIn({ conditions }: PolicyJson): Comparison[] {
  const found: Comparison[] = []
  visit(conditions, (node) => {
    const equal = (node['=='] ?? node['!=']) as { left: Expr; right: Expr } | undefined
    if (equal) compare(equal.left, [equal.right], found)
    if (equal) compare(equal.right, [equal.left], found)
    const contains = node['contains'] as { left: Expr; right: Expr } | undefined
    if (contains) compare(contains.right, (contains.left as { Set?: Expr[] }).Set ?? [], found)
  })
  return found
}

function compare(attribute: Expr, values: readonly Expr[], found: Comparison[]): void {
  const name = (attribute as { '.'?: { attr: string } })['.']?.attr
  if (name === undefined) return
  for (const { Value: value } of values as { Value?: unknown }[])
    if (typeof value === 'string') found.push({ attribute: name, value })
}

function visit(part: unknown, look: (node: Record<string, unknown>) => void): void {
  if (typeof part !== 'object' || part === null) return
  if (!Array.isArray(part)) look(part as Record<string, unknown>)
  for (const each of Object.values(part)) visit(each, look)
}
