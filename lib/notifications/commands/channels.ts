import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { isLoopback } from '#lib/config/shared.ts'
import { DomainError } from '#lib/core/errors.ts'
import { isOutsideHost } from '#lib/core/guarded-lookup.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { checkAddress } from '#lib/webhooks/rules.ts'
import { aboutChannel } from '../rows.ts'
import { authorizeForChannel, authorizeForEveryTeam, channelNotFound } from '../rules/channel-access.ts'
import { teamKinds } from '../schema/kinds.ts'
import type { ChannelIdInput, CreateChannelInput, UpdateChannelInput } from '../schema/settings.ts'
import { giveUpPending } from './give-up.ts'

/** What the commands need beside the database: how secrets are sealed, and which hosts may be told although they are inside. */
export type ChannelMeans = { secretBox: SecretBox; privateHosts: readonly string[] }

const channelsMax = 200

/**
 * Adds an incoming webhook: one’s own (`inbox:own`; it takes the place of the one before), a team’s (`channels:manage` in the team) or the organization’s (`channels:manage`
 * of a role that reaches every team). Its address is never shown again. Throws `invalid` with the field, `not_found` for an unknown team, `conflict` when there are too many.
 */
export async function createChannel(
  ctx: Ctx,
  input: CreateChannelInput,
  means: ChannelMeans,
): Promise<{ channelId: string }> {
  authorize(ctx, 'inbox:own')
  if (input.owner !== 'me') authorize(ctx, 'channels:manage')
  const person = requirePerson(ctx)
  check(ctx, { url: input.url, personal: input.owner === 'me' }, means)
  const id = crypto.randomUUID()
  // Sealed before the transaction: the key may be in another house.
  const url = await means.secretBox.seal(input.url, sealContexts.notificationChannel(id))
  await inTx(ctx, async (tx, ctx) => {
    // So that two at once count each other.
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('notification channels'))`
    const teamId = input.owner === 'team' ? await teamOf(tx, ctx, input.teamId) : null
    if (input.owner === 'organization') authorizeForEveryTeam(ctx)
    const personId = input.owner === 'me' ? person.id : null
    if (personId) await replaceOwn(tx, ctx, personId)
    else if ((await tx.notificationChannel.count({ where: { personId: null } })) >= channelsMax) {
      throw new DomainError('conflict', `There are ${channelsMax} channels already; delete one first.`, {
        rule: 'notifications:too_many_channels',
      })
    }
    const { host } = new URL(input.url)
    const kinds = input.owner === 'me' ? [] : input.kinds
    const by = { createdAt: ctx.now, createdById: person.id, createdByName: person.name }
    const row = { id, personId, teamId, name: input.name, url, host, kinds, ...by }
    await tx.notificationChannel.create({ data: row })
    const detail = { host, kinds, personal: personId !== null }
    recordAudit(tx, ctx, { event: 'notification_channel.created', ...aboutChannel(row), detail })
  })
  return { channelId: id }
}

/** Changes the fields given; a new address takes the place of the old one. What waits when it is switched off is given up. As whoever may add it; throws `not_found`, `invalid` with the field. */
export async function updateChannel(ctx: Ctx, input: UpdateChannelInput, means: ChannelMeans): Promise<void> {
  authorize(ctx, 'inbox:own')
  const { channelId: id, url: address, ...fields } = input
  const url = address && (await means.secretBox.seal(address, sealContexts.notificationChannel(id)))
  await inTx(ctx, async (tx, ctx) => {
    const channel = await lockChannel(tx, ctx, id)
    if (address !== undefined) check(ctx, { url: address, personal: channel.personId !== null }, means)
    if (channel.teamId !== null && input.kinds?.some((kind) => !teamKinds.includes(kind))) {
      throw new DomainError('invalid', `A channel of a team is told of: ${teamKinds.join(', ')}.`, { field: 'kinds' })
    }
    const wanted = { ...fields, ...(address === undefined ? {} : { host: new URL(address).host }) }
    const changed = Object.entries(wanted).filter(
      ([key, value]) =>
        value !== undefined && JSON.stringify(value) !== JSON.stringify(channel[key as keyof typeof wanted]),
    )
    if (changed.length === 0 && !url) return
    const after = Object.fromEntries(changed)
    const before = Object.fromEntries(changed.map(([key]) => [key, channel[key as keyof typeof wanted]]))
    const why =
      input.enabled === undefined ? {} : { disabledReason: input.enabled ? null : `Switched off by ${ctx.actor.name}.` }
    await tx.notificationChannel.update({ where: { id }, data: { ...after, ...why, ...(url ? { url } : {}) } })
    if (input.enabled === false) {
      await giveUpPending(tx, { channelId: id, now: ctx.now, why: 'The channel was switched off.' })
    }
    const detail = { before, after: { ...after, ...(url ? { url: 'replaced' } : {}) } }
    recordAudit(tx, ctx, { event: 'notification_channel.updated', ...aboutChannel(channel), detail })
  })
}

/** Ends a channel with its delivery log. As whoever may add it; throws `not_found`. */
export async function deleteChannel(ctx: Ctx, input: ChannelIdInput): Promise<void> {
  authorize(ctx, 'inbox:own')
  await inTx(ctx, async (tx, ctx) => {
    await end(tx, ctx, await lockChannel(tx, ctx, input.channelId))
  })
}

/** Sends a test to a channel, also to one that is switched off. As whoever may add it; throws `not_found`. */
export async function testChannel(ctx: Ctx, input: ChannelIdInput): Promise<{ deliveryId: string }> {
  authorize(ctx, 'inbox:own')
  return await inTx(ctx, async (tx, ctx) => {
    const channel = await lockChannel(tx, ctx, input.channelId)
    const { id: deliveryId } = await tx.notificationDelivery.create({
      data: {
        medium: 'slack',
        channelId: channel.id,
        what: 'test',
        message: { what: 'test', by: ctx.actor.name },
        createdAt: ctx.now,
        nextAttemptAt: ctx.now,
      },
      select: { id: true },
    })
    recordAudit(tx, ctx, { event: 'notification_channel.tested', ...aboutChannel(channel), detail: { deliveryId } })
    return { deliveryId }
  })
}

type Channel = Prisma.NotificationChannelGetPayload<object>

/** The channel, locked, if the actor may manage it; throws `not_found` for somebody else’s own, `forbidden` for another team’s. */
async function lockChannel(tx: Tx, ctx: Ctx, id: string): Promise<Channel> {
  await tx.$queryRaw`select 1 from "NotificationChannel" where "id" = ${id}::uuid for update`
  const channel = await tx.notificationChannel.findUnique({ where: { id }, include: { team: true } })
  if (!channel) throw channelNotFound()
  authorizeForChannel(ctx, channel)
  return channel
}

async function teamOf(tx: Tx, ctx: Ctx, id: string): Promise<string> {
  const team = await tx.team.findUnique({ where: { id }, select: { id: true, name: true } })
  if (!team) throw new DomainError('not_found', `There is no team ${id}.`)
  authorizeForTeam(ctx, 'channels:manage', team)
  return team.id
}

async function replaceOwn(tx: Tx, ctx: Ctx, personId: string): Promise<void> {
  const before = await tx.notificationChannel.findUnique({ where: { personId } })
  if (before) await end(tx, ctx, before)
}

async function end(tx: Tx, ctx: Ctx, channel: Channel): Promise<void> {
  await tx.notificationChannel.delete({ where: { id: channel.id } })
  const detail = { host: channel.host }
  recordAudit(tx, ctx, { event: 'notification_channel.deleted', ...aboutChannel(channel), detail })
}

/**
 * What is inside is told only by whoever manages channels: else anybody could have addresses inside called, and see whether they answer. One’s own goes by https, but to this machine itself.
 */
function check(ctx: Ctx, { url, personal }: { url: string; personal: boolean }, { privateHosts }: ChannelMeans): void {
  const allowed = !personal || can(ctx.actor, 'channels:manage') ? privateHosts : []
  const { protocol, hostname } = new URL(url)
  const clear = personal && protocol === 'http:' && !isLoopback(hostname) ? [] : allowed
  const checked = checkAddress(url, clear)
  if (!checked.ok) throw new DomainError('invalid', checked.error, { field: 'url' })
  const inside = !isOutsideHost(hostname, allowed) || (privateHosts.includes(hostname) && !allowed.includes(hostname))
  if (inside) throw new DomainError('invalid', 'Use an address that is not inside.', { field: 'url' })
}
