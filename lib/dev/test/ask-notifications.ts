import type { Db } from '#lib/db/client.ts'
import { makePerson } from './fleet.ts'

type Ask = (line: string, body?: unknown) => Promise<Record<string, string>>

/** Asks every endpoint of inbox, notifications and delegations once. */
export async function askNotifications({ ask, db, team }: { ask: Ask; db: Db; team: string }): Promise<void> {
  const { person } = await ask('GET /me')
  const { id } = await db.notification.create({
    data: { personId: person!, eventSeq: 1n, kind: 'stop', title: 'Stopped', body: '', path: '/kill', thread: 'stop' },
  })
  await ask('GET /inbox?state=unread')
  await ask(`PATCH /inbox/${id}`, { read: true })
  await ask('POST /inbox/read', {})
  await ask('PUT /notification-settings/preferences', {
    preferences: [{ kind: 'grant', channel: 'mail', mode: 'weekly' }],
  })
  await ask('PUT /notification-settings/digest', { timeZone: 'Europe/Berlin', hour: 7, weekday: 5 })
  await ask('POST /notification-settings/test-mail')
  await ask('POST /notification-channels', { owner: 'me', url: 'http://127.0.0.1:9/' })
  await ask('GET /notification-settings')
  await ask('GET /notification-deliveries')
  const shared = { owner: 'team', teamId: team, name: '#team', url: 'http://127.0.0.1:9/', kinds: ['stop'] }
  const { channelId } = await ask('POST /notification-channels', shared)
  await ask(`PATCH /notification-channels/${channelId}`, { name: '#ours' })
  await ask(`POST /notification-channels/${channelId}/test`)
  await ask('GET /notification-channels')
  await ask(`GET /notification-channels/${channelId}`)
  await ask(`DELETE /notification-channels/${channelId}`)

  const delegate = await makePerson(db, { roles: ['security'] })
  await ask('GET /delegations/possible')
  const endsAt = new Date(Date.now() + 86_400_000).toISOString()
  const { delegationId } = await ask('POST /delegations', { delegateId: delegate.id, endsAt, reason: 'On leave.' })
  await ask('GET /delegations')
  await ask(`GET /delegations/${delegationId}`)
  await ask(`POST /delegations/${delegationId}/revoke`)
  await ask('GET /delegations?state=all')
}
