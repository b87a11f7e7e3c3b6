import type { Actor } from '#lib/auth/ctx.ts'
import type { Result } from '#lib/core/result.ts'
import { sharedRoles } from '#lib/delegation/rules.ts'
import { lately } from '#lib/registry/rules/past-owners.ts'
import { type DecidableRequest, decideScope, deciderOf, refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'

type Person = Extract<Actor, { kind: 'person' }>

/**
 * Whether somebody may decide in the place of somebody who is away: only what each of the two could decide alone, by a role they share. So what neither may decide, because they asked for it, answer for it, own it or
 * approved another step, the other may not for them.
 */
export function decideInPlaceOf(
  request: DecidableRequest,
  {
    delegate,
    absent,
    decision,
    seen,
  }: {
    delegate: Person
    absent: Person
    decision: 'approve' | 'reject' | 'request_changes'
    seen?: number | undefined
  },
): Result<number | null, ScopeRefusal> {
  const [mine, theirs] = [deciderOf(delegate), deciderOf(absent)]
  const joint = { roles: sharedRoles(theirs, mine), anyStep: mine.anyStep && theirs.anyStep }
  const asMe = decideScope(request, { decider: { ...mine, ...joint }, decision, seen })
  if (!asMe.ok) return asMe
  const asThem = decideScope(request, { decider: { ...theirs, ...joint }, decision, seen })
  if (asThem.ok) return asMe
  return refuse(
    asThem.error.rule,
    `${absent.name}, in whose place you stand, may not decide it: ${whyOf(asThem.error)}`,
  )
}

function whyOf({ rule, message }: ScopeRefusal): string {
  switch (rule) {
    case 'scopes:own_request':
      return 'they asked for it.'
    case 'scopes:own_agent':
      return `they are accountable for the agent, or were ${lately}.`
    case 'scopes:own_team':
      return `their team owns the agent, or did ${lately}.`
    case 'scopes:approved_already':
      return 'they have approved another step.'
    default:
      return message
  }
}
