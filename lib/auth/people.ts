import { recordAudit } from '#lib/audit/commands.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Ctx } from './ctx.ts'
import type { LeavingCause } from './schema.ts'

type TxCtx = Ctx & { tx: Tx }
type Whom = { id: string; name: string }

/** Takes away everything somebody could act with, for good: sessions, tokens and apps end and do not come back with them. */
export async function endPerson(
  { tx, ...ctx }: TxCtx,
  { person, because, reason }: { person: Whom; because: LeavingCause; reason: string | null },
): Promise<void> {
  await tx.person.update({
    where: { id: person.id },
    data: { active: false, deactivatedAt: ctx.now, deactivatedBecause: because, deactivationReason: reason },
  })
  const open = { where: { personId: person.id, revokedAt: null }, data: { revokedAt: ctx.now } }
  const sessions = await tx.loginSession.updateMany(open)
  const tokens = await tx.accessToken.updateMany(open)
  await tx.appConnection.updateMany(open)
  const agents = await tx.agent.count({ where: { accountablePersonId: person.id, status: { not: 'retired' } } })
  recordAudit(tx, ctx, {
    event: 'person.deactivated',
    subject: { kind: 'person', ...whom(person) },
    detail: { because, reason, agents, sessions: sessions.count, tokens: tokens.count },
  })
}

/** They may sign in again. */
export async function letBackIn(
  { tx, ...ctx }: TxCtx,
  { person, reason }: { person: Whom & { deactivatedBecause: string | null }; reason: string | null },
): Promise<void> {
  await tx.person.update({
    where: { id: person.id },
    data: {
      active: true,
      deactivatedAt: null,
      deactivatedBecause: null,
      deactivationReason: null,
      // An absence that ended counts from now on.
      groupsSeenAt: ctx.now,
    },
  })
  recordAudit(tx, ctx, {
    event: 'person.reactivated',
    subject: { kind: 'person', ...whom(person) },
    detail: { because: person.deactivatedBecause, reason },
  })
}

function whom({ id, name }: Whom): Whom {
  return { id, name }
}
