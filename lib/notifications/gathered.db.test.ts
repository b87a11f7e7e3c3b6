import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx, systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { happen, header, mine, owner, start, test, work, worker } from '#lib/dev/test/notifications.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { means } from '#lib/dev/test/webhooks.ts'
import { holdCall } from '#lib/guardrails/commands.ts'
import { orderStop } from '#lib/killswitch/commands.ts'
import {
  collectNotifications,
  createChannel,
  makeDigests,
  markNotification,
  setPreferences,
  updateChannel,
} from './commands.ts'
import { claimNotificationDeliveries } from './commands/deliver.ts'
import { mailsPerHourMax } from './commands/gather.ts'
import { switchOffOfLeavers } from './commands/give-up.ts'
import { listInbox, listNotificationDeliveries } from './queries.ts'
import { retryDelaysMs } from './rules/attempts.ts'
import { createChannelInput } from './schema/settings.ts'

const later = (ms: number) => new Date(start.getTime() + ms)
const collect = async (db: Db, now = start) => {
  while ((await collectNotifications(worker(db, now), { mail: true })) > 0);
}

async function hold(db: Db, { agentId, serverId }: { agentId: string; serverId: string }, title = 'Posts wait') {
  const rule = { id: null, title, deciderRoles: ['team_lead' as const], excludedDeciders: [] }
  await holdCall(ctxFor(db, systemActor('broker'), start), {
    source: 'broker',
    class: 'write',
    call: { ...exactCall({ agentId, serverId }), arguments: { n: crypto.randomUUID() }, inputResponses: null },
    rule: { ...rule, decideSeconds: 600, onTimeout: 'deny' },
  })
}

test('held calls of one rule and agent are one unread notice and one mail that waits, whenever they come', async ({
  db,
  smtp,
  parts,
}) => {
  const { agentId, teamId } = await owner(db)
  const me = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
  const ctx = ctxFor(db, me, start)
  const serverId = await makeServer(db)
  for (let n = 0; n < 6; n += 1) {
    await hold(db, { agentId, serverId })
    if (n % 2 === 1) await collect(db)
  }
  await hold(db, { agentId, serverId }, 'Another rule')
  await collect(db)
  const titles = async () => (await listInbox(ctx)).items.map(({ title }) => title).toSorted()
  expect(await titles()).toEqual(['6 calls wait for a decision', 'A call of change waits for a decision'])
  await work(db, parts)
  expect(
    mine({ smtp, me })
      .map((raw) => header(raw, 'subject') ?? '')
      .toSorted(),
  ).toEqual(await titles())

  // What was read, or sent, is not changed any more.
  const read = (await listInbox(ctx)).items.find(({ title }) => title.startsWith('6'))!
  await markNotification(ctx, { notificationId: read.id, read: true })
  await hold(db, { agentId, serverId })
  await work(db, parts)
  expect(await titles()).toHaveLength(3)
  expect(mine({ smtp, me })).toHaveLength(3)
})

test('beyond the mails of an hour the rest is told in one; stops are sent all the same, and first', async ({
  db,
  smtp,
  parts,
}) => {
  const { me, agentId, teamId } = await owner(db)
  for (let n = 0; n < mailsPerHourMax + 5; n += 1) await happen(ctxFor(db, undefined, start), agentId)
  await collect(db)
  for (let n = 0; n < 2; n += 1) await happen(ctxFor(db, undefined, start), agentId)
  const onCall = await makePerson(db, { roles: ['on_call'] })
  await orderStop(ctxFor(db, onCall, start), { scope: 'team', targetId: teamId, reason: 'It leaks.' })
  await collect(db)
  const options = { limit: 1, perDestination: 1, underWay: new Map<string, number>() }
  const [first] = await claimNotificationDeliveries(worker(db), options)
  expect(await db.notificationDelivery.findUnique({ where: { id: first!.id } })).toMatchObject({ kind: 'stop' })
  await work(db, parts, later(1000))
  expect(mine({ smtp, me })).toHaveLength(mailsPerHourMax)
  await work(db, parts, later(3_600_000))
  const subjects = mine({ smtp, me }).map((raw) => header(raw, 'subject'))
  expect(subjects).toHaveLength(mailsPerHourMax + 2)
  expect(subjects).toContain('7 more things in the last hour')
})

test('mails that hang leave room for others', async ({ db }) => {
  const { agentId } = await owner(db)
  for (let n = 0; n < 3; n += 1) await happen(ctxFor(db, undefined, start), agentId)
  await collect(db)
  const claim = (busy: number) =>
    claimNotificationDeliveries(worker(db), { limit: 16, perDestination: 4, underWay: new Map([['mail', busy]]) })
  expect(await claim(4)).toEqual([])
  expect(await claim(3)).toHaveLength(1)
})

test('whoever has left gets nothing that was kept or waits, and their channel is switched off', async ({
  db,
  receiver,
  parts,
}) => {
  const { me, agentId } = await owner(db)
  const ctx = ctxFor(db, me, start)
  const { channelId } = await createChannel(
    ctx,
    createChannelInput.parse({ owner: 'me', url: `${receiver.url}/mine` }),
    means,
  )
  await setPreferences(ctx, { preferences: [{ kind: 'grant', channel: 'slack', mode: 'daily' }] })
  await happen(ctxFor(db, undefined, start), agentId, 'ends_soon')
  receiver.answers.push({ status: 500 })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  expect(receiver.received).toHaveLength(1)
  await db.person.update({ where: { id: me.id }, data: { active: false } })
  await work(db, parts, later(retryDelaysMs[0]!))
  const off = await Promise.all([1, 2].map(() => switchOffOfLeavers(worker(db, later(48 * 3_600_000)))))
  expect(off.toSorted((a, b) => a - b)).toEqual([0, 1])
  await makeDigests(worker(db, later(48 * 3_600_000)))
  await work(db, parts, later(48 * 3_600_000))
  expect(receiver.received).toHaveLength(1)
  expect(await db.notificationChannel.findUnique({ where: { id: channelId } })).toMatchObject({ enabled: false })
  expect((await auditOf(db, channelId)).at(-1)).toMatchObject({ event: 'notification_channel.disabled' })
})

test('whoever may not see a kind any more gets no digest of it', async ({ db, smtp, parts }) => {
  const { me, agentId } = await owner(db)
  await happen(ctxFor(db, undefined, start), agentId, 'ends_soon')
  await work(db, parts)
  await db.notification.updateMany({ where: { personId: me.id }, data: { kind: 'unregistered' } })
  await makeDigests(worker(db, later(48 * 3_600_000)))
  await work(db, parts, later(48 * 3_600_000))
  expect(mine({ smtp, me })).toEqual([])
})

test('what waits for a channel that is gone is given up, not sent when it is on again', async ({
  db,
  receiver,
  parts,
}) => {
  const { me, agentId } = await owner(db)
  const ctx = ctxFor(db, me, start)
  const input = createChannelInput.parse({ owner: 'me', url: `${receiver.url}/mine` })
  const { channelId } = await createChannel(ctx, input, means)
  receiver.answers.push({ status: 500 }, { status: 410 })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  await updateChannel(ctx, { channelId, enabled: true }, means)
  await work(db, parts, later(86_400_000))
  expect(receiver.received).toHaveLength(2)
  const log = (await listNotificationDeliveries(ctx, { channelId })).items
  expect(log.map(({ state }) => state)).toEqual(['failed', 'failed'])
})

test('a channel of a team is told of stops of the organization and of servers that its agents reach', async ({
  db,
  receiver,
  parts,
}) => {
  const { me, agentId, teamId } = await owner(db)
  const { me: other, teamId: otherTeam } = await owner(db)
  const channel = (of: string, path: string) => ({
    owner: 'team',
    teamId: of,
    name: '#stops',
    url: `${receiver.url}/${path}`,
    kinds: ['stop'],
  })
  const made = [
    await createChannel(ctxFor(db, me, start), createChannelInput.parse(channel(teamId, 'mine')), means),
    await createChannel(ctxFor(db, other, start), createChannelInput.parse(channel(otherTeam, 'other')), means),
  ]
  expect(createChannelInput.safeParse({ ...channel(teamId, 'mine'), kinds: ['policy'] }).success).toBe(false)
  const serverId = await makeServer(db)
  await makeGrant(db, { agentId, serverId, class: 'write' })
  const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }), start)
  const told = () => Promise.all(made.map(({ channelId }) => db.notificationDelivery.count({ where: { channelId } })))
  await orderStop(onCall, { scope: 'server', targetId: serverId, reason: 'It leaks.' })
  await work(db, parts)
  expect(await told()).toEqual([1, 0])
  await inTx(worker(db), async (tx, ctx) => {
    const subject = { kind: 'organization', id: 'organization', name: 'organization' }
    const detail = { orderId: crypto.randomUUID(), scope: 'organization', reason: 'It leaks.' }
    recordAudit(tx, ctx, { event: 'stop.ordered', subject, detail })
  })
  await work(db, parts)
  expect(await told()).toEqual([2, 1])
})

test('who travels west gets a digest of the same day where they are now', async ({ db, smtp, parts }) => {
  const { me, agentId } = await owner(db)
  const digestAt = async (timeZone: string, at: string) => {
    await db.digestTime.upsert({
      where: { personId: me.id },
      create: { personId: me.id, timeZone, hour: 8, weekday: 1 },
      update: { timeZone },
    })
    await makeDigests(worker(db, new Date(at)))
    await work(db, parts, new Date(at))
    return mine({ smtp, me }).length
  }
  const tell = async (at: string) => {
    await happen(ctxFor(db, undefined, new Date(at)), agentId, 'ends_soon')
    await work(db, parts, new Date(at))
  }
  await tell('2026-10-24T05:00:00Z')
  expect(await digestAt('Europe/Berlin', '2026-10-24T06:10:00Z')).toBe(1)
  await tell('2026-10-24T07:00:00Z')
  expect(await digestAt('Europe/Berlin', '2026-10-24T12:10:00Z')).toBe(1)
  expect(await digestAt('America/New_York', '2026-10-24T12:10:00Z')).toBe(2)
})
