import { type Actor, can } from '#lib/auth/ctx.ts'
import { rolesWith, roleLabel } from '#lib/auth/permissions.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { covers } from '#lib/registry/rules.ts'
import { type Ownership, ownAs } from '#lib/registry/rules/past-owners.ts'
import type { AgentStatus, ToolClass } from '#lib/registry/schema.ts'
import { limitKey } from '#lib/registry/schema/conditions.ts'
import { type GivenApproval, stepFor } from './rules/approval-policy.ts'
import { wholeServerCovers } from './rules/besides-tools.ts'
import type { ScopeLimits } from './rules/limits.ts'
import type { RequestRule } from './rules/request-policy.ts'
import type { ScopeRefusal, ScopeRequestState, ScopeRule } from './schema.ts'

export type DecidableRequest = {
  state: ScopeRequestState
  requestedById: string
  /** Who has decided it, when somebody has. */
  decidedByName: string | null
  agent: Ownership & { status: AgentStatus }
  server: { name: string; status: 'active' | 'disabled' }
  /** Who is asked, by the approval policy as it is now, and who has approved this revision. */
  rule: RequestRule & { alsoTeamId?: string }
  given: readonly GivenApproval[]
  /** Grows with each change of what is asked for. */
  revision: number
}

type Decider = { id: string; roles: readonly string[]; teamIds: readonly string[]; anyStep: boolean }

/**
 * Four eyes: nobody decides what they asked for, nor scope for an agent that they are accountable for or that their team owns, or was a while ago. An approval is of a step that asks
 * for a role of theirs, and of one only. Who may approve anything may reject or send back at any step. A decided request stays decided. Returns the step.
 */
export function decideScope(
  request: DecidableRequest,
  {
    decider,
    decision,
    seen = 1,
  }: { decider: Decider; decision: 'approve' | 'reject' | 'request_changes'; seen?: number | undefined },
): Result<number | null, ScopeRefusal> {
  if (request.state === 'changes_requested') {
    return refuse('scopes:not_pending', 'Changes were asked for: it waits for its requester.')
  }
  if (request.state !== 'pending') {
    const who = request.decidedByName ? ` by ${request.decidedByName}` : ''
    return refuse('scopes:already_decided', `Someone else decided this in the meantime: it was ${request.state}${who}.`)
  }
  if (request.revision !== seen) {
    const message = `What is asked for was changed: revision ${request.revision} waits. Read it, and decide about that one.`
    return refuse('scopes:changed_meanwhile', message)
  }
  if (request.requestedById === decider.id) {
    return refuse('scopes:own_request', 'You asked for this scope, so somebody else decides.')
  }
  const own = ownAs(decider, request.agent)
  if (own) return refuse(ownRule[own.by], `${own.words}, so somebody else decides.`)
  if (decision !== 'approve' && decider.anyStep) return ok(null)
  const { apart } = request.rule
  if (decision === 'approve' && apart !== undefined) return refuse('scopes:asked_apart', apart)
  const step = stepFor(request.rule, request.given, decider)
  if (!step.ok || decision !== 'approve') return step
  const possible = grantable(request)
  return possible.ok ? step : possible
}

export const ownRule = { accountable: 'scopes:own_agent', team: 'scopes:own_team' } as const satisfies Record<
  string,
  ScopeRule
>

/** Whether this person could approve it, for the page: the permission first, then the same rule as the command. */
export function decidability(actor: Actor, request: DecidableRequest): Result<null, { rule: string; message: string }> {
  const may = can(actor, 'scopes:approve') || can(actor, 'scopes:countersign')
  if (!may || actor.kind !== 'person') {
    const who = rolesWith('scopes:countersign').map(roleLabel).join(', ')
    return err({ rule: 'permission:scopes:approve', message: `Deciding needs a role that may: ${who}.` })
  }
  const decision = decideScope(request, { decider: deciderOf(actor), decision: 'approve', seen: request.revision })
  return decision.ok ? ok(null) : decision
}

/** A role counts only with the permission that it decides by: a token may have been given less than its owner has. */
export function deciderOf(actor: Extract<Actor, { kind: 'person' }>): Decider {
  const roles = actor.roles.filter((role) => can(actor, role === 'security' ? 'scopes:approve' : 'scopes:countersign'))
  return { id: actor.id, roles, teamIds: actor.teamIds, anyStep: can(actor, 'scopes:approve') }
}

/** Nothing is granted to an agent that is gone, nor on a server that is off. */
export function grantable(subject: {
  agent: { status: AgentStatus }
  server: { name: string; status: 'active' | 'disabled' }
}): Result<null, ScopeRefusal> {
  if (subject.agent.status === 'retired')
    return refuse('scopes:agent_retired', 'The agent is retired: it gets no scopes.')
  if (subject.server.status === 'disabled') {
    return refuse('scopes:server_disabled', `${subject.server.name} is disabled: nothing is granted on it.`)
  }
  return ok(null)
}

export type WantedScope = ScopeLimits & { class: ToolClass; toolName: string | null; expiresAt: Date | null }

/** Whether a grant already gives all that is wanted, for as long as it is wanted. */
export function grantCovers(grant: WantedScope, wanted: WantedScope): boolean {
  const longEnough = grant.expiresAt === null || (wanted.expiresAt !== null && grant.expiresAt >= wanted.expiresAt)
  const unlimited = grant.conditions.length === 0 && grant.rate === null
  // What a server may ask an agent for is never part of a grant of the whole server; what it offers is.
  const names = grant.toolName === null ? wholeServerCovers(wanted.toolName) : grant.toolName === wanted.toolName
  return (unlimited || limitKey(grant) === limitKey(wanted)) && covers(grant.class, wanted.class) && names && longEnough
}

/**
 * What of a narrowed grant is wider than what was asked for: a condition that is left out, or calls that come more often. Null: nothing. An approver may add conditions and a lower rate.
 */
export function widerThanAsked(asked: ScopeLimits, granted: ScopeLimits): 'conditions' | 'rate' | null {
  const kept = new Set(granted.conditions.map((condition) => limitKey({ conditions: [condition], rate: null })))
  if (!asked.conditions.every((condition) => kept.has(limitKey({ conditions: [condition], rate: null }))))
    return 'conditions'
  if (!asked.rate) return null
  if (!granted.rate) return 'rate'
  const minutes = { minute: 1, hour: 60 }
  // Calls of an hour may all come in one minute of it.
  const times = Math.max(1, minutes[asked.rate.per] / minutes[granted.rate.per])
  return granted.rate.calls * times > asked.rate.calls ? 'rate' : null
}

const dayMs = 86_400_000

/** When a grant of so many days from now ends; null: until revoked. */
export function expiryOf(days: number | null, now: Date): Date | null {
  return days === null ? null : new Date(now.getTime() + days * dayMs)
}

export function refuse(rule: ScopeRule, message: string): { ok: false; error: ScopeRefusal } {
  return { ok: false, error: { rule, message } }
}
