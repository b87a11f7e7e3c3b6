import { compileConditions, type CompiledCondition, firstUnmet } from '#lib/registry/rules/conditions.ts'
import { expectation } from '#lib/registry/schema/conditions.ts'
import type { Denial } from '../schema.ts'
import type { GrantFacts, ToolCall } from './facts.ts'
import { shownValue } from './shown-value.ts'

const none: readonly CompiledCondition[] = []
const compiled = new WeakMap<GrantFacts, readonly CompiledCondition[]>()

export function isConditional(grant: GrantFacts): boolean {
  return (grant.conditions?.length ?? 0) > 0
}

/** The grants whose conditions the arguments meet. Of grants without conditions it is the same list, so that they cost nothing. */
export function fittingGrants(grants: readonly GrantFacts[], given: unknown): readonly GrantFacts[] {
  if (!grants.some(isConditional)) return grants
  return grants.filter((grant) => !isConditional(grant) || isMet(grant, given))
}

/** By arguments and grant, which never change: a call that is under way is decided about with every change of the registry, and its arguments may be long. */
const met = new WeakMap<object, WeakMap<GrantFacts, boolean>>()

function isMet(grant: GrantFacts, given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return firstUnmet(compiledOf(grant), given) === null
  let ofGrants = met.get(given)
  if (!ofGrants) met.set(given, (ofGrants = new WeakMap()))
  let known = ofGrants.get(grant)
  if (known === undefined) ofGrants.set(grant, (known = firstUnmet(compiledOf(grant), given) === null))
  return known
}

/** What the first of the grants asks of the arguments and does not get. */
export function conditionDenial(grants: readonly GrantFacts[], call: ToolCall, given: unknown): Denial {
  for (const grant of grants) {
    const unmet = firstUnmet(compiledOf(grant), given)
    if (!unmet) continue
    const { condition, found } = unmet
    const expected = expectation(condition)
    const was = found === undefined ? 'nothing is there' : `it is ${shownValue(found, condition.pointer)}`
    const others = grants.length > 1 ? ` None of ${grants.length} grants fits.` : ''
    return {
      rule: 'grant_condition',
      message: `The grant on ${call.serverId} covers ${call.tool} only when the argument ${condition.pointer} ${expected}; ${was}.${others}`,
      facts: { pointer: condition.pointer, expected, grant: grant.id },
    }
  }
  return { rule: 'grant_condition', message: `No grant on ${call.serverId} covers ${call.tool} with these arguments.` }
}

function compiledOf(grant: GrantFacts): readonly CompiledCondition[] {
  if (!isConditional(grant)) return none
  let conditions = compiled.get(grant)
  if (!conditions) compiled.set(grant, (conditions = compileConditions(grant.conditions ?? [])))
  return conditions
}
