import { type Actor, can } from '#lib/auth/ctx.ts'
import { err, type Result } from '#lib/core/result.ts'
import { sharedRoles } from '#lib/delegation/rules.ts'
import type { HeldCallRefusal } from '../schema/held-calls.ts'
import { type DecidableHeldCall, decideHeld } from './held-calls.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** Whether somebody may decide about a held call in the place of somebody who is away: only what each of the two could decide alone, by a role they share. */
export function decideHeldInPlaceOf(
  call: DecidableHeldCall,
  { delegate, absent, move, now }: { delegate: Person; absent: Person; move: 'approve' | 'edit' | 'reject'; now: Date },
): Result<null, HeldCallRefusal> {
  const roles = sharedRoles(absent, delegate)
  const asMe = decideHeld(call, { actor: { ...delegate, roles }, move, now })
  if (!asMe.ok) return asMe
  const asThem = decideHeld(call, { actor: { ...absent, roles }, move, now })
  if (asThem.ok && can(absent, 'calls:decide')) return asMe
  const rule = asThem.ok ? 'approvals:role' : asThem.error.rule
  return err({ rule, message: `${absent.name}, in whose place you stand, may not decide about this call.` })
}
