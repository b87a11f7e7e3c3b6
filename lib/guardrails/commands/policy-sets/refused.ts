import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import type { PolicySetAction, PolicySetRefusal } from '../../schema/policy-sets.ts'
import { policySetSubject } from './lock.ts'

type Refused = { readonly ok: false; readonly error: PolicySetRefusal }

/** Puts on record that somebody was refused, and says it. */
export function refusedMove(
  tx: Tx,
  ctx: Ctx,
  { number, action, decision }: { number: number; action: PolicySetAction; decision: Refused },
): Refused {
  recordAudit(tx, ctx, {
    event: 'policy_set.refused',
    subject: policySetSubject(number),
    decision: 'deny',
    rule: decision.error.rule,
    detail: { number, action, reason: decision.error.message },
  })
  return decision
}
