import { type Actor, can } from '#lib/auth/ctx.ts'
import { rolesWith, roleLabel } from '#lib/auth/permissions.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { covers } from '#lib/registry/rules.ts'
import { type AgentStatus, methodPrefix, type ToolClass } from '#lib/registry/schema.ts'
import { limitKey } from '#lib/registry/schema/conditions.ts'
import type { ScopeLimits } from './rules/limits.ts'
import type { ScopeRefusal, ScopeRequestState, ScopeRule } from './schema.ts'

export type DecidableRequest = {
  state: ScopeRequestState
  requestedById: string
  /** Who has decided it, when somebody has. */
  decidedByName: string | null
  agent: { status: AgentStatus; accountablePersonId: string }
  server: { name: string; status: 'active' | 'disabled' }
}

/** Four eyes: nobody decides what they asked for, nor scope for an agent they are accountable for. A decided request stays decided. */
export function decideScope(
  request: DecidableRequest,
  decider: { personId: string; decision: 'approve' | 'reject' },
): Result<null, ScopeRefusal> {
  if (request.state !== 'pending') {
    const who = request.decidedByName ? ` by ${request.decidedByName}` : ''
    return refuse('scopes:already_decided', `Someone else decided this in the meantime: it was ${request.state}${who}.`)
  }
  if (request.requestedById === decider.personId) {
    return refuse('scopes:own_request', 'You asked for this scope, so somebody else decides.')
  }
  if (request.agent.accountablePersonId === decider.personId) {
    return refuse('scopes:own_agent', 'You are accountable for this agent, so somebody else decides.')
  }
  if (decider.decision === 'reject') return ok(null)
  return grantable(request)
}

/** Whether this person could approve it, for the page: the permission first, then the same rule as the command. */
export function decidability(actor: Actor, request: DecidableRequest): Result<null, { rule: string; message: string }> {
  if (!can(actor, 'scopes:approve') || actor.kind !== 'person') {
    const who = rolesWith('scopes:approve').map(roleLabel).join(', ')
    return err({ rule: 'permission:scopes:approve', message: `Deciding needs a role that may: ${who}.` })
  }
  return decideScope(request, { personId: actor.id, decision: 'approve' })
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
  // What a server may ask an agent for is never part of a grant of the whole server.
  const names =
    grant.toolName === null ? !wanted.toolName?.startsWith(methodPrefix) : grant.toolName === wanted.toolName
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
