import { expect } from 'vitest'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { happen, header, mine, owner, start, test, work, worker } from '#lib/dev/test/notifications.ts'
import { means, privateHosts } from '#lib/dev/test/webhooks.ts'
import { createSender } from '#lib/webhooks/commands.ts'
import {
  collectNotifications,
  createChannel,
  createMailer,
  deleteChannel,
  testChannel,
  testMail,
  updateChannel,
} from './commands.ts'
import { claimNotificationDeliveries, deliverNotification } from './commands/deliver.ts'
import { getChannel, getNotificationSettings, listChannels, listNotificationDeliveries } from './queries.ts'
import { retryDelaysMs } from './rules/attempts.ts'
import { createChannelInput } from './schema/settings.ts'

const later = (ms: number) => new Date(start.getTime() + ms)

test('a mail goes out at once, in text and HTML, with ids that show what belongs together and how to stop it', async ({
  db,
  smtp,
  parts,
}) => {
  const { me, agentId } = await owner(db)
  await happen(ctxFor(db, undefined, start), agentId)
  await Promise.all([1, 2, 3].map(() => work(db, parts)))
  await happen(ctxFor(db, undefined, start), agentId, 'suspended', 'Again.')
  await work(db, parts)
  const [first, second] = mine({ smtp, me }) as [string, string]
  expect(mine({ smtp, me })).toHaveLength(2)
  expect(header(first, 'subject')).toBe('Poster *1* was suspended')
  expect(header(first, 'list-unsubscribe')).toBe('<https://wheelhouse.example.test/settings/notifications>')
  expect(header(first, 'message-id')).toMatch(/^<[0-9a-f-]{36}@example\.test>$/)
  expect(header(first, 'references')).toBe(header(second, 'references'))
  expect(header(first, 'message-id')).not.toBe(header(second, 'message-id'))
  expect(first).toContain('text/plain')
  expect(first).toContain('It posts &lt;twice&gt; &amp; @channel.')
  expect(first).toContain(`https://wheelhouse.example.test/agents/${agentId}`)
  expect(smtp.signedIn.at(-1)).toBe('user:hunter2')
})

test('a mail server that is busy is asked again under the same id; one that refuses for good is not', async ({
  db,
  smtp,
  parts,
}) => {
  const { me, agentId } = await owner(db)
  smtp.refusals.push({ code: 451, message: 'Try later; the password is hunter2' })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  expect(mine({ smtp, me })).toEqual([])
  const sentTo = async () => (await listNotificationDeliveries(ctxFor(db, me, start))).items
  const [waiting] = await sentTo()
  expect(waiting).toMatchObject({ state: 'pending', attempts: 1, lastError: expect.stringContaining('451') })
  expect(JSON.stringify(waiting)).not.toContain('hunter2')
  await work(db, parts, later(retryDelaysMs[0]! - 1))
  expect(mine({ smtp, me })).toEqual([])
  await work(db, parts, later(retryDelaysMs[0]!))
  expect(mine({ smtp, me }).map((raw) => header(raw, 'message-id'))).toEqual([`<${waiting!.id}@example.test>`])

  smtp.refusals.push({ code: 550, message: 'No such person' })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  expect((await sentTo())[0]).toMatchObject({ state: 'failed', attempts: 1, nextAttemptAt: null })
})

test('beyond this machine no password and no mail goes out without TLS', async ({ db, smtp, parts }) => {
  const { me } = await owner(db)
  const seen = smtp.signedIn.length
  // Not one of the addresses that are known to be this machine, though it leads here.
  const mailer = createMailer({ url: smtp.url.replace('127.0.0.1', '0.0.0.0'), from: 'wheelhouse@example.test' })
  await testMail(ctxFor(db, me, start), { mail: true })
  await work(db, { ...parts, mailer })
  mailer.close()
  expect(mine({ smtp, me })).toEqual([])
  expect(smtp.signedIn).toHaveLength(seen)
  const [delivery] = (await listNotificationDeliveries(ctxFor(db, me, start))).items
  expect(delivery).toMatchObject({ what: 'test', state: 'pending', lastError: expect.stringContaining('TLS') })
  await expect(testMail(ctxFor(db, me, start), { mail: false })).rejects.toMatchObject({
    code: 'conflict',
    details: { rule: 'notifications:no_mail' },
  })
  expect((await auditOf(db, me.id)).map(({ event }) => event)).toEqual(['person.mail_tested'])
})

test('Slack is written to in its markup; who says when to come back is heeded, and one that is gone is switched off', async ({
  db,
  receiver,
  parts,
}) => {
  const { me, agentId } = await owner(db)
  const ctx = ctxFor(db, me, start)
  const input = createChannelInput.parse({ owner: 'me', url: `${receiver.url}/T1/B2/s3cret` })
  const { channelId } = await createChannel(ctx, input, means)
  receiver.answers.push({ status: 429, headers: { 'retry-after': '120' } })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  await work(db, parts, later(119_000))
  expect(receiver.received).toHaveLength(1)
  await work(db, parts, later(120_000))
  expect(receiver.received).toHaveLength(2)
  const { text } = JSON.parse(receiver.received[1]!.body) as { text: string }
  expect(text).toContain('It posts &lt;twice&gt; &amp; @\u200Bchannel.')
  expect(text).toContain(`<https://wheelhouse.example.test/agents/${agentId}|Open in Wheelhouse>`)

  const asked = await testChannel(ctx, { channelId })
  await work(db, parts)
  expect(JSON.parse(receiver.received[2]!.body)).toMatchObject({ text: expect.stringContaining(me.name) })
  receiver.answers.push({ status: 404 })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  const { slack } = await getNotificationSettings(ctx, { mailFrom: null })
  expect(slack).toMatchObject({ enabled: false, disabledReason: expect.stringContaining('does not exist any more') })
  const log = (await listNotificationDeliveries(ctx, { channelId })).items
  expect(log.map(({ state }) => state).toSorted()).toEqual(['delivered', 'delivered', 'failed'])
  expect(log.map(({ id }) => id)).toContain(asked.deliveryId)
  const events = await auditOf(db, channelId)
  expect(events.map(({ event }) => event)).toEqual([
    'notification_channel.created',
    'notification_channel.tested',
    'notification_channel.disabled',
  ])
  expect(JSON.stringify([events, slack, log])).not.toContain('s3cret')
  const stored = await db.notificationChannel.findUniqueOrThrow({ where: { id: channelId } })
  expect(Buffer.from(stored.url).toString()).not.toContain('s3cret')

  // One's own is there for nobody else, whoever they are.
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), start)
  await expect(getChannel(admin, channelId)).rejects.toMatchObject({ code: 'not_found' })
  await expect(getChannel(ctx, crypto.randomUUID())).rejects.toMatchObject({ code: 'not_found' })
  expect(await getChannel(ctx, channelId)).toMatchObject({ id: channelId, enabled: false })

  await updateChannel(ctx, { channelId, enabled: true, url: `${receiver.url}/other` }, means)
  const again = createChannelInput.parse({ owner: 'me', url: receiver.url })
  await createChannel(ctx, again, means)
  expect((await auditOf(db, channelId)).at(-1)).toMatchObject({ event: 'notification_channel.deleted' })
})

test('no channel leads inside, by whatever name', async ({ db, parts }) => {
  const { me, agentId } = await owner(db)
  const ctx = ctxFor(db, me, start)
  const clear = createChannelInput.parse({ owner: 'me', url: 'http://hooks.example.com/' })
  await expect(createChannel(ctx, clear, means)).rejects.toMatchObject({ code: 'invalid', details: { field: 'url' } })
  const refused = { code: 'invalid', details: { field: 'url' } }
  for (const url of ['https://169.254.169.254/latest', 'https://10.0.0.7/', 'https://[::1]/', 'http://10.0.0.7/']) {
    const address = createChannelInput.parse({ owner: 'me', url })
    await expect(createChannel(ctx, address, means)).rejects.toMatchObject(refused)
  }
  // What is inside by permission of the installation is for those who manage channels only.
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }), start)
  for (const url of ['http://127.0.0.1:9/', 'https://127.0.0.1:9/', 'https://hooks.internal/']) {
    const address = createChannelInput.parse({ owner: 'me', url })
    const withInternal = { ...means, privateHosts: [...privateHosts, 'hooks.internal'] }
    await expect(createChannel(builder, address, withInternal)).rejects.toMatchObject(refused)
  }
  const outside = createChannelInput.parse({ owner: 'me', url: 'https://hooks.example.com/' })
  const { channelId: theirs } = await createChannel(builder, outside, means)
  const moved = { channelId: theirs, url: 'https://127.0.0.1:9/' }
  await expect(updateChannel(builder, moved, means)).rejects.toMatchObject(refused)
  const inside = createChannelInput.parse({ owner: 'me', url: 'https://localhost:1/latest' })
  const { channelId } = await createChannel(ctx, inside, means)
  await happen(ctxFor(db, undefined, start), agentId)
  const guarded = createSender({ privateHosts: [], timeoutMs: 500 })
  await work(db, { ...parts, sender: guarded })
  await guarded.close()
  const [delivery] = (await listNotificationDeliveries(ctx, { channelId })).items
  expect(delivery).toMatchObject({ state: 'pending', lastError: 'It cannot be reached.' })
  await deleteChannel(ctx, { channelId })
})

test('a channel of a team is told of that team, one of the organization of all; only who manages them may', async ({
  db,
  receiver,
  parts,
}) => {
  const { me: lead, agentId, teamId } = await owner(db)
  const { agentId: otherAgent } = await owner(db)
  const ctx = ctxFor(db, lead, start)
  const kinds = ['agent_state']
  const ofTeam = createChannelInput.parse({
    owner: 'team',
    teamId,
    name: '#finance',
    url: `${receiver.url}/team`,
    kinds,
  })
  const { channelId } = await createChannel(ctx, ofTeam, means)
  const ofAll = createChannelInput.parse({ owner: 'organization', name: '#agents', url: `${receiver.url}/all`, kinds })
  await expect(createChannel(ctx, ofAll, means)).rejects.toMatchObject({ code: 'forbidden' })
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), start)
  await createChannel(admin, ofAll, means)
  for (const id of [agentId, otherAgent]) await happen(ctxFor(db, undefined, start), id)
  await Promise.all([1, 2].map(() => work(db, parts)))
  expect(receiver.received).toHaveLength(3)
  expect(await listChannels(ctx)).toMatchObject([
    { name: '#finance', team: { id: teamId }, last: { state: 'delivered' } },
  ])
  expect((await listChannels(admin)).length).toBeGreaterThanOrEqual(2)

  const { me: stranger } = await owner(db)
  const theirs = ctxFor(db, stranger, start)
  const refused = { code: 'forbidden', details: { rule: 'registry:own_team' } }
  await expect(updateChannel(theirs, { channelId, name: 'x' }, means)).rejects.toMatchObject(refused)
  await expect(deleteChannel(theirs, { channelId })).rejects.toMatchObject(refused)
  await expect(testChannel(theirs, { channelId })).rejects.toMatchObject(refused)
  await expect(listNotificationDeliveries(theirs, { channelId })).rejects.toMatchObject({ code: 'not_found' })
  const builder = ctxFor(db, await makePerson(db, { teamIds: [teamId] }), start)
  const noPermission = { code: 'forbidden', details: { permission: 'channels:manage' } }
  await expect(createChannel(builder, ofTeam, means)).rejects.toMatchObject(noPermission)
  await expect(listChannels(builder)).rejects.toMatchObject(noPermission)
})

test('whoever takes a delivery and ends leaves it to the next after two minutes; what is settled is not sent again', async ({
  db,
  smtp,
  parts,
}) => {
  const { me, agentId } = await owner(db)
  await happen(ctxFor(db, undefined, start), agentId)
  while ((await collectNotifications(worker(db), { mail: true })) > 0);
  const taken = await claimNotificationDeliveries(worker(db), { limit: 100, perDestination: 100, underWay: new Map() })
  await work(db, parts, later(119_000))
  expect(mine({ smtp, me })).toEqual([])
  await work(db, parts, later(120_000))
  expect(mine({ smtp, me })).toHaveLength(1)
  for (const { id } of taken) await deliverNotification(worker(db), { id }, parts)
  expect(mine({ smtp, me })).toHaveLength(1)
})
