import { type Actor, can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { mayActForTeam } from '#lib/registry/rules.ts'
import type { HeldCallView } from '../schema/held-calls.ts'
import { type DecidableHeldCall, rolesText } from './held-calls.ts'

type Values = Pick<HeldCallView, 'arguments' | 'inputResponses' | 'editedArguments'>
type Held = Pick<DecidableHeldCall, 'deciderRoles'> & { agent: Pick<DecidableHeldCall['agent'], 'ownerTeam'> }

/**
 * What somebody is shown of what a call is made with: the values are for those whose role decides about it, the team that owns the agent and those who read the audit
 * log; all others are told what there is by name, and who sees more.
 */
export function heldValues(
  actor: Actor,
  held: Held,
  values: Values & { arguments: Record<string, unknown> },
): Values & Pick<HeldCallView, 'withheld'> {
  if (seesValues(actor, held)) return { ...values, withheld: null }
  const { arguments: given, inputResponses, editedArguments } = values
  const auditors = rolesWith('audit:read').map(roleLabel).join(', ')
  const withheld = {
    argumentNames: Object.keys(given),
    inputResponseNames: inputResponses && Object.keys(inputResponses),
    editedArgumentNames: editedArguments && Object.keys(editedArguments),
    message: `Values are shown to those who may decide about it (${rolesText(held.deciderRoles)}), to members of ${held.agent.ownerTeam.name} and to those who read the audit log (${auditors}).`,
  }
  return { arguments: null, inputResponses: null, editedArguments: null, withheld }
}

function seesValues(actor: Actor, { deciderRoles, agent }: Held): boolean {
  if (can(actor, 'audit:read')) return true
  if (actor.kind !== 'person') return false
  if (actor.teamIds.includes(agent.ownerTeam.id)) return true
  const decides = can(actor, 'calls:decide') && deciderRoles.some((role) => actor.roles.includes(role))
  return decides && mayActForTeam(actor, agent.ownerTeam.id)
}
