import { digestOf } from '#lib/core/canonical-json.ts'
import { type Actor, can } from '#lib/auth/ctx.ts'
import { roleLabel, roleNames, rolesWith } from '#lib/auth/permissions.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { mayActForTeam } from '#lib/registry/rules.ts'
import { lately, type PastOwners } from '#lib/registry/rules/past-owners.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import {
  type ExactCall,
  type ExcludedDecider,
  excludedDeciders,
  type HeldCallRefusal,
  type HeldCallRule,
  type HeldCallSource,
  type HeldCallState,
  type TimeoutAction,
} from '../schema/held-calls.ts'

type Move = { from: readonly HeldCallState[]; to: HeldCallState }

const moves = {
  approve: { from: ['waiting'], to: 'approved' },
  edit: { from: ['waiting'], to: 'edited' },
  reject: { from: ['waiting'], to: 'rejected' },
  expire: { from: ['waiting'], to: 'expired' },
  cancel: { from: ['waiting'], to: 'cancelled' },
} as const satisfies Record<string, Move>
export type HeldCallMove = keyof typeof moves

/** One table drives the commands, the buttons and the test: what is decided stays decided. */
export function canMoveHeldCall(state: HeldCallState, move: HeldCallMove): boolean {
  const { from }: Move = moves[move]
  return from.includes(state)
}

export function stateAfter(move: HeldCallMove): HeldCallState {
  return moves[move].to
}

export type DecidableHeldCall = {
  state: HeldCallState
  source: HeldCallSource
  expiresAt: Date
  class: ToolClass | null
  deciderRoles: readonly string[]
  excludedDeciders: readonly string[]
  /** Who has decided it, when somebody has. */
  decidedByName: string | null
  agent: { accountablePersonId: string; ownerTeam: { id: string; name: string }; past: PastOwners }
  /** Who is behind it: who started its run, set the schedule that did, registered the agent whose first run it is or had that tried again, issued the credential it came with, or whom its client acts for. */
  starterIds: readonly (string | null)[]
  /** Who wrote the version that runs: what it asks an agent to do is theirs, whoever started it. */
  writerIds: readonly string[]
}

/**
 * Who does not decide about a call, whatever their role. Nobody decides alone about a change they asked for or answer for; a rule may only add to that, and for what reads it
 * says everything.
 */
export function excludedFrom(ofRule: readonly string[], toolClass: ToolClass | null): ExcludedDecider[] {
  const always: readonly string[] = toolClass === 'read' ? [] : ['starter', 'accountable']
  return excludedDeciders.filter((each) => ofRule.includes(each) || always.includes(each))
}

/**
 * Who may decide about a held call: a role the rule names, of the agent's team unless the role reaches every team, and nobody whom the rule or the class of the call
 * excludes. Whom the agent belonged to a while ago is excluded as whom it belongs to.
 */
export function decideHeld(
  call: DecidableHeldCall,
  decider: { actor: Extract<Actor, { kind: 'person' }>; move: 'approve' | 'edit' | 'reject'; now: Date },
): Result<null, HeldCallRefusal> {
  const { actor, move, now } = decider
  if (!canMoveHeldCall(call.state, move)) {
    const who = call.decidedByName ? ` by ${call.decidedByName}` : ''
    return refuse('approvals:already_decided', `Someone else decided this in the meantime: it is ${call.state}${who}.`)
  }
  if (call.expiresAt <= now) return refuse('approvals:expired', 'Its time to decide is over.')
  if (!call.deciderRoles.some((role) => actor.roles.includes(role))) {
    return refuse('approvals:role', `Its rule lets decide: ${rolesText(call.deciderRoles)}.`)
  }
  if (!mayActForTeam(actor, call.agent.ownerTeam.id)) {
    return refuse('approvals:own_team', `Only members of ${call.agent.ownerTeam.name} decide about its agents.`)
  }
  const excluded = excludedFrom(call.excludedDeciders, call.class)
  if (excluded.includes('own_team') && actor.teamIds.includes(call.agent.ownerTeam.id)) {
    return refuse('approvals:team_excluded', 'Your team owns this agent, and its rule wants somebody else.')
  }
  if (excluded.includes('accountable') && call.agent.accountablePersonId === actor.id) {
    return refuse('approvals:own_agent', 'You are accountable for this agent, so somebody else decides.')
  }
  const { past } = call.agent
  if (excluded.includes('own_team') && past.ownerTeamIds.some((teamId) => actor.teamIds.includes(teamId))) {
    const message = `Your team owned this agent ${lately}, and its rule wants somebody else.`
    return refuse('approvals:team_excluded', message)
  }
  if (excluded.includes('accountable') && past.accountablePersonIds.includes(actor.id)) {
    const message = `You were accountable for this agent ${lately}, so somebody else decides.`
    return refuse('approvals:own_agent', message)
  }
  if (excluded.includes('starter') && call.starterIds.includes(actor.id)) {
    const message =
      'You are behind this call (you started its run, set its schedule, registered the agent whose first run it is or had that tried again, issued the credential, or its client acts for you), so somebody else decides.'
    return refuse('approvals:own_run', message)
  }
  if (excluded.includes('starter') && call.writerIds.includes(actor.id)) {
    const message =
      'You wrote the version that runs (you last changed its prompt, its parameters or its template), so somebody else decides.'
    return refuse('approvals:own_version', message)
  }
  if (move === 'edit' && call.source === 'claude') {
    return refuse('approvals:not_editable', 'Claude asks about this call and takes yes or no: approve or reject it.')
  }
  return ok(null)
}

/** Whether this person could approve it, for the page: the permission first, then the same rule as the command. */
export function heldDecidability(
  actor: Actor,
  call: DecidableHeldCall,
  now: Date,
): Result<null, { rule: string; message: string }> {
  if (!can(actor, 'calls:decide') || actor.kind !== 'person') {
    const who = rolesWith('calls:decide').map(roleLabel).join(', ')
    return err({ rule: 'permission:calls:decide', message: `Deciding needs a role that may: ${who}.` })
  }
  return decideHeld(call, { actor, move: 'approve', now })
}

/** SHA-256 of the exact call: agent, version, run or session, server, tool and its definition, arguments, what the agent answers, policies. */
export function digestOfCall(call: ExactCall): string {
  const { agentId, agentVersion, runId, serverId, tool, definitionHash, policyVersion } = call
  return digestOf({
    agentId,
    agentVersion,
    runId,
    ...(call.session ? { session: call.session } : {}),
    serverId,
    tool,
    definitionHash,
    arguments: call.arguments,
    ...(call.inputResponses ? { inputResponses: call.inputResponses } : {}),
    policyVersion,
  })
}

/** Of what is held for so long or longer, those who may decide are told once more when so much of its time is over. */
export const heldReminder = { secondsMin: 300, part: 0.75 } as const

/** What happens to a call nobody decided about: whatever a rule says, nothing but reading is allowed by the clock. */
export function onTimeout(wanted: TimeoutAction, toolClass: ToolClass | null): TimeoutAction {
  return wanted === 'allow' && toolClass === 'read' ? 'allow' : 'deny'
}

export function rolesText(roles: readonly string[]): string {
  return roleNames(roles).join(', ')
}

function refuse(rule: HeldCallRule, message: string): { ok: false; error: HeldCallRefusal } {
  return { ok: false, error: { rule, message } }
}
