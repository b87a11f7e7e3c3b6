import { expect } from 'vitest'
import { permissionsOf } from '#lib/auth/permissions.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { happen, header, mine, owner, start, test, work, worker } from '#lib/dev/test/notifications.ts'
import { makeDigests, setDigestTime, setPreferences, testMail } from './commands.ts'
import { readWishes } from './tell/wishes.ts'
import { getNotificationSettings, listInbox, listNotificationDeliveries } from './queries.ts'

test('who chose so is told otherwise; what waits for them cannot be switched off', async ({ db, smtp, parts }) => {
  const { me, agentId } = await owner(db)
  const ctx = ctxFor(db, me, start)
  const off = (['inbox', 'mail'] as const).map((channel) => ({
    kind: 'agent_state' as const,
    channel,
    mode: 'off' as const,
  }))
  await setPreferences(ctx, { preferences: off })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  expect(mine({ smtp, me })).toEqual([])
  expect((await listInbox(ctx)).items).toEqual([])
  const stop = { kind: 'stop', channel: 'inbox', mode: 'off' } as const
  await expect(setPreferences(ctx, { preferences: [stop] })).rejects.toMatchObject({
    code: 'invalid',
    details: { rule: 'notifications:always_told' },
  })
  await setPreferences(ctx, { preferences: off.map((each) => ({ ...each, mode: null })) })
  await happen(ctxFor(db, undefined, start), agentId)
  await work(db, parts)
  expect(mine({ smtp, me })).toHaveLength(1)
  expect((await listInbox(ctx)).unread).toBe(1)
  expect((await auditOf(db, me.id)).map(({ detail }) => detail)).toMatchObject([
    { after: { 'agent_state.inbox': 'off', 'agent_state.mail': 'off' } },
    { before: { 'agent_state.inbox': 'off' }, after: { 'agent_state.inbox': null } },
  ])
})

test('break-glass cannot be switched off by those to whom it is announced', async ({ db }) => {
  const off = { preferences: [{ kind: 'break_glass', channel: 'inbox', mode: 'off' }] } as const
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), start)
  await expect(setPreferences(security, { preferences: [...off.preferences] })).rejects.toMatchObject({
    details: { rule: 'notifications:always_told' },
  })
  const shown = await getNotificationSettings(security, { mailFrom: null })
  const modes = shown.preferences.find(({ kind }) => kind === 'break_glass')?.channels.inbox.modes
  expect(modes).toEqual(['at_once'])
  // A choice from before counts no more, as one from before they had the role.
  const builder = await makePerson(db, { roles: ['builder'] })
  await setPreferences(ctxFor(db, builder, start), { preferences: [...off.preferences] })
  const { modeOf } = await readWishes(db, [builder.id])
  expect(modeOf(builder, 'break_glass', 'inbox')).toBe('off')
  expect(modeOf({ ...builder, permissions: permissionsOf(['security']) }, 'break_glass', 'inbox')).toBe('at_once')
})

test('a digest comes once a day at the hour where one is, whichever worker makes it, also when the clocks change; nothing when there is nothing', async ({
  db,
  smtp,
  parts,
}) => {
  const { me, agentId } = await owner(db)
  const ctx = ctxFor(db, me, start)
  await expect(setDigestTime(ctx, { timeZone: 'Mars/Olympus', hour: 8, weekday: 1 })).rejects.toMatchObject({
    details: { field: 'timeZone' },
  })
  await setDigestTime(ctx, { timeZone: 'Europe/Berlin', hour: 8, weekday: 1 })
  for (const kind of ['agent_state', 'budget'] as const)
    await setPreferences(ctx, { preferences: [{ kind, channel: 'mail', mode: 'daily' }] })
  const round = async (at: string) => {
    const now = new Date(at)
    await Promise.all([1, 2].map(() => makeDigests(worker(db, now))))
    await work(db, parts, now)
    return mine({ smtp, me })
  }
  const tell = async (at: string, what: 'suspended' | 'ends_soon') => {
    await happen(ctxFor(db, undefined, new Date(at)), agentId, what)
    await work(db, parts, new Date(at))
  }
  await tell('2026-10-24T10:00:00Z', 'ends_soon')
  await tell('2026-10-24T11:00:00Z', 'suspended')
  await tell('2026-10-24T12:00:00Z', 'suspended')
  // The clocks go back that night: eight is seven in UTC from then on.
  expect(await round('2026-10-25T06:59:00Z')).toEqual([])
  const [digest] = await round('2026-10-25T07:00:30Z')
  expect(header(digest!, 'subject')).toBe('Wheelhouse: 3 things until 2026-10-25')
  expect(digest).toContain('State of my agents: 2')
  expect(digest).toContain('Grants that end: 1')
  await tell('2026-10-25T07:00:10Z', 'suspended')
  expect(await round('2026-10-25T07:05:00Z')).toHaveLength(1)
  expect(await round('2026-10-26T06:59:00Z')).toHaveLength(1)
  expect(await round('2026-10-26T07:00:00Z')).toHaveLength(2)
  expect(await round('2026-10-27T09:00:00Z')).toHaveLength(2)
  expect(await db.digest.count({ where: { personId: me.id } })).toBe(2)
})

test('an installation without mail keeps none for later, and says so', async ({ db, parts }) => {
  const { me, agentId } = await owner(db)
  await happen(ctxFor(db, undefined, start), agentId)
  await happen(ctxFor(db, undefined, start), agentId, 'ends_soon')
  await work(db, { ...parts, mailer: null })
  expect((await listNotificationDeliveries(ctxFor(db, me, start))).items).toEqual([])
  expect(await db.notification.count({ where: { personId: me.id, mailDigest: { not: null } } })).toBe(0)
  expect(await getNotificationSettings(ctxFor(db, me, start), { mailFrom: null })).toMatchObject({
    mail: { from: null, to: me.email },
    digest: { timeZone: 'UTC', hour: 8 },
  })
  const nobody = { ...me, permissions: new Set<never>() }
  const refused = { code: 'forbidden', details: { permission: 'inbox:own' } }
  const theirs = ctxFor(db, nobody, start)
  await expect(setPreferences(theirs, { preferences: [] })).rejects.toMatchObject(refused)
  await expect(setDigestTime(theirs, { timeZone: 'UTC', hour: 8, weekday: 1 })).rejects.toMatchObject(refused)
  await expect(testMail(theirs, { mail: true })).rejects.toMatchObject(refused)
  await expect(getNotificationSettings(theirs, { mailFrom: null })).rejects.toMatchObject(refused)
})
