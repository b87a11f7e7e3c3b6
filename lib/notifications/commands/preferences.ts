import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { isTimeZone } from '../rules/digest-time.ts'
import { kindFacts, modesOf } from '../schema/kinds.ts'
import type { SetDigestTimeInput, SetPreferencesInput } from '../schema/settings.ts'

/**
 * Chooses how one is told of kinds over channels; null gives back what one’s roles have. Needs `inbox:own`; throws `invalid` for what cannot be chosen: what waits for somebody and stops stay in the inbox, and break-glass in that of whoever approves scopes.
 */
export async function setPreferences(ctx: Ctx, input: SetPreferencesInput): Promise<void> {
  authorize(ctx, 'inbox:own')
  const person = requirePerson(ctx)
  for (const { kind, channel, mode } of input.preferences) {
    if (mode === null || modesOf(kind, channel, person.permissions).includes(mode)) continue
    const possible = modesOf(kind, channel, person.permissions).join(', ')
    throw new DomainError('invalid', `“${kindFacts[kind].label}” can be ${possible} in the ${channel}.`, {
      field: 'preferences',
      rule: 'notifications:always_told',
    })
  }
  await inTx(ctx, async (tx, ctx) => {
    const before: Record<string, unknown> = {}
    const after: Record<string, unknown> = {}
    for (const { kind, channel, mode } of input.preferences) {
      const key = { personId: person.id, kind, channel }
      const where = { personId_kind_channel: key }
      const known = await tx.notificationPreference.findUnique({ where })
      if ((known?.mode ?? null) === mode) continue
      if (mode === null) await tx.notificationPreference.deleteMany({ where: key })
      else await tx.notificationPreference.upsert({ where, create: { ...key, mode }, update: { mode } })
      before[`${kind}.${channel}`] = known?.mode ?? null
      after[`${kind}.${channel}`] = mode
    }
    if (Object.keys(after).length === 0) return
    const subject = { kind: 'person', id: person.id, name: person.name }
    recordAudit(tx, ctx, { event: 'person.notifications_changed', subject, detail: { before, after } })
  })
}

/** Says when one’s digests come. Needs `inbox:own`; throws `invalid` for a time zone that nobody knows. */
export async function setDigestTime(ctx: Ctx, input: SetDigestTimeInput): Promise<void> {
  authorize(ctx, 'inbox:own')
  const person = requirePerson(ctx)
  if (!isTimeZone(input.timeZone)) {
    throw new DomainError('invalid', `There is no time zone ${input.timeZone}. Use a name such as Europe/Berlin.`, {
      field: 'timeZone',
    })
  }
  await inTx(ctx, async (tx, ctx) => {
    const where = { personId: person.id }
    const before = await tx.digestTime.findUnique({ where, omit: { personId: true } })
    await tx.digestTime.upsert({ where, create: { ...where, ...input }, update: input })
    const subject = { kind: 'person', id: person.id, name: person.name }
    const detail = { before: { digest: before }, after: { digest: input } }
    recordAudit(tx, ctx, { event: 'person.notifications_changed', subject, detail })
  })
}

/** Sends a mail to oneself. Needs `inbox:own`; throws `conflict` where no mail server is set up. */
export async function testMail(ctx: Ctx, { mail }: { mail: boolean }): Promise<{ deliveryId: string }> {
  authorize(ctx, 'inbox:own')
  const person = requirePerson(ctx)
  if (!mail) throw noMail()
  return await inTx(ctx, async (tx, ctx) => {
    const { id: deliveryId } = await tx.notificationDelivery.create({
      data: {
        medium: 'mail',
        personId: person.id,
        what: 'test',
        message: { what: 'test', by: person.name },
        createdAt: ctx.now,
        nextAttemptAt: ctx.now,
      },
      select: { id: true },
    })
    const subject = { kind: 'person', id: person.id, name: person.name }
    recordAudit(tx, ctx, { event: 'person.mail_tested', subject, detail: { deliveryId } })
    return { deliveryId }
  })
}

function noMail(): DomainError {
  const message =
    'This installation sends no mail. Whoever operates it sets WHEELHOUSE_SMTP_URL and WHEELHOUSE_MAIL_FROM.'
  return new DomainError('conflict', message, { rule: 'notifications:no_mail' })
}
