import { type Actor, can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { PolicyTrial } from '../schema/policy-trial.ts'
import type {
  EnforcePolicySetInput,
  PolicySetAction,
  PolicySetRefusal,
  PolicySetRule,
  PolicySetState,
} from '../schema/policy-sets.ts'

type Move = { from: readonly PolicySetState[]; to: PolicySetState }

const moves = {
  // A text that changes is a draft, whatever it was tried in before.
  edit: { from: ['draft', 'log_only'], to: 'draft' },
  log_only: { from: ['draft'], to: 'log_only' },
  end_log_only: { from: ['log_only'], to: 'draft' },
  enforce: { from: ['draft', 'log_only'], to: 'enforced' },
  roll_back: { from: ['superseded'], to: 'enforced' },
  discard: { from: ['draft'], to: 'discarded' },
} as const satisfies Record<PolicySetAction, Move>

/** One table drives the commands, the buttons and the test. */
export function canMovePolicySet(state: PolicySetState, action: PolicySetAction): boolean {
  const { from }: Move = moves[action]
  return from.includes(state)
}

export type PolicySetFacts = {
  number: number
  state: PolicySetState
  version: string
  authorIds: readonly string[]
  enforcedAt: Date | null
  firstLogOnlyAt: Date | null
}

/** What else there is: which set is in force, which is log-only, and how far this text was tried. */
export type PolicySetSurroundings = {
  enforced: number | null
  logOnly: number | null
  trial: PolicyTrial
}

/** Whether it may be changed, tried, enforced, enforced again or thrown away; `person` is who asks. */
export function decidePolicySetMove(
  set: PolicySetFacts,
  action: PolicySetAction,
  { person, enforced, logOnly }: PolicySetSurroundings & { person: string },
): Result<null, PolicySetRefusal> {
  if (!canMovePolicySet(set.state, action)) {
    const rule = set.state === 'discarded' ? 'policies:discarded' : notNow[action]
    return refuse(rule, notNowText(set, action))
  }
  if (action === 'log_only' && logOnly !== null && logOnly !== set.number) {
    return refuse('policies:log_only_taken', `Policy set ${logOnly} is log-only already: end that first.`)
  }
  if (action === 'roll_back' && set.enforcedAt === null) {
    return refuse('policies:never_enforced', 'Only what was enforced before is gone back to.')
  }
  if (action === 'discard' && (set.enforcedAt !== null || set.firstLogOnlyAt !== null)) {
    const message = `Policy set ${set.number} judged live calls, which name it: it is kept. Change its text, or leave it.`
    return refuse('policies:kept', message)
  }
  if (action === 'enforce' && set.authorIds.includes(person)) {
    const text = 'You wrote its text, so somebody else enforces it.'
    return refuse('policies:second_person', enforced === null ? text : `${text} Policy set ${enforced} stays in force.`)
  }
  return ok(null)
}

/** The same for enforcing what was looked at: its text and the set in force are still those, and it was tried or it is said why not. */
export function decideEnforcing(
  set: PolicySetFacts,
  input: Required<EnforcePolicySetInput>,
  around: PolicySetSurroundings & { person: string },
): Result<null, PolicySetRefusal> {
  const possible = decidePolicySetMove(set, 'enforce', around)
  if (!possible.ok) return possible
  const read = stillTheText(input.version, set.version)
  if (!read.ok) return read
  const replaced = stillInForce(input.replaces, around.enforced)
  if (!replaced.ok) return replaced
  const { outcome, says } = around.trial
  if (outcome === 'tried' || input.withoutReplay !== null) return ok(null)
  if (outcome === 'no_calls') {
    if (input.emptyReplay !== null) return ok(null)
    const message = `${says.join(' ')} That has shown nothing: replay a longer time, leave it log-only until that counts, or say why it is enforced although no call was met (emptyReplay).`
    return refuse('policies:replay_without_calls', message)
  }
  const message = `${says.join(' ')} Replay recorded calls, leave it log-only until that counts, or say why it is enforced without (withoutReplay).`
  return refuse('policies:without_replay', message)
}

/** Nobody overwrites or enforces a text that another one has changed since it was read; null: it does not matter. */
export function stillTheText(seen: string | null, version: string): Result<null, PolicySetRefusal> {
  if (seen === null || seen === version) return ok(null)
  return refuse('policies:changed_meanwhile', 'Its text was changed in the meantime: read it again.')
}

/** Whoever was second is told instead of undoing what the first did. */
export function stillInForce(seen: number | null, enforced: number | null): Result<null, PolicySetRefusal> {
  if (seen === enforced) return ok(null)
  const now = enforced === null ? 'none is in force' : `policy set ${enforced} is in force`
  return refuse('policies:changed_meanwhile', `Somebody enforced another set in the meantime: ${now} now.`)
}

/** Why not, for the page: the permission first, then the same rule as the command. */
export function policySetActionDenial(
  actor: Actor,
  set: PolicySetFacts,
  { action, ...around }: PolicySetSurroundings & { action: PolicySetAction },
): PolicySetRefusal | { rule: string; message: string } | null {
  if (!can(actor, 'policies:manage') || actor.kind !== 'person') {
    const who = rolesWith('policies:manage').map(roleLabel).join(', ')
    return { rule: 'permission:policies:manage', message: `Changing policies needs a role that may: ${who}.` }
  }
  const decision = decidePolicySetMove(set, action, { ...around, person: actor.id })
  return decision.ok ? null : decision.error
}

const notNow = {
  edit: 'policies:not_a_draft',
  log_only: 'policies:not_a_draft',
  end_log_only: 'policies:not_log_only',
  enforce: 'policies:not_enforceable',
  roll_back: 'policies:never_enforced',
  discard: 'policies:not_a_draft',
} as const satisfies Record<PolicySetAction, PolicySetRule>

function notNowText({ number, state }: PolicySetFacts, action: PolicySetAction): string {
  const is = `Policy set ${number} is ${stateWords[state]}`
  if (state === 'discarded') return `${is}: make a draft of it.`
  switch (action) {
    case 'edit':
      return `${is} and keeps its text: make a draft of it.`
    case 'log_only':
      return `${is}: only a draft is made log-only.`
    case 'end_log_only':
      return `${is}, not log-only.`
    case 'enforce':
      return state === 'superseded' ? `${is}: roll back to it.` : `${is}.`
    case 'roll_back':
      return state === 'enforced' ? `${is}.` : `${is} and was not superseded: enforce it.`
    case 'discard':
      return `${is}: only a draft is thrown away.`
  }
}

export const stateWords = {
  draft: 'a draft',
  log_only: 'log-only',
  enforced: 'enforced',
  superseded: 'superseded',
  discarded: 'thrown away',
} as const satisfies Record<PolicySetState, string>

function refuse(rule: PolicySetRule, message: string): { ok: false; error: PolicySetRefusal } {
  return { ok: false, error: { rule, message } }
}
