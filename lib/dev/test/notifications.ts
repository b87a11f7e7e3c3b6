import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx, systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { collectNotifications, createMailer, createNotificationDispatcher } from '#lib/notifications/commands.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from './fleet.ts'
import { startMailServer } from './mail-server.ts'
import { log, secretBox, test as withReceiver } from './webhooks.ts'

// On the eve of the day on which the clocks of Berlin go back.
export const start = new Date('2026-10-24T10:00:00Z')
type Person = Awaited<ReturnType<typeof makePerson>>

/** A test with a real mail server and a real receiver of webhooks. */
export const test = withReceiver
  .extend('smtp', { scope: 'file' }, async ({}, { onCleanup }) => {
    const server = await startMailServer()
    onCleanup(() => server.stop())
    return server
  })
  .extend('parts', async ({ smtp, sender }, { onCleanup }) => {
    const mailer = createMailer({ url: smtp.url, from: 'Wheelhouse <wheelhouse@example.test>' })
    onCleanup(() => mailer.close())
    smtp.received.length = 0
    return { sender, mailer, secretBox, log, url: 'https://wheelhouse.example.test' }
  })

export const worker = (db: Db, now = start): Ctx => ctxFor(db, systemActor('worker'), now)

/** What a worker does at a time. */
export async function work(
  db: Db,
  parts: Omit<Parameters<typeof createNotificationDispatcher>[0], 'ctx'>,
  now = start,
) {
  while ((await collectNotifications(worker(db, now), { mail: parts.mailer !== null })) > 0);
  for (let begun = 1; begun > 0;) {
    const dispatcher = createNotificationDispatcher({ ...parts, ctx: () => worker(db, now) })
    begun = await dispatcher.round()
    await dispatcher.stop()
  }
}

/** Something that the owners of an agent are told of: by mail at once (suspended), in the daily digest (ends soon). */
export async function happen(
  ctx: Ctx,
  agentId: string,
  what: 'suspended' | 'ends_soon' = 'suspended',
  reason = 'It posts <twice> & @channel.',
) {
  const about = { subject: { kind: 'agent', id: agentId, name: 'Poster *1*' }, agentId, serverId: 'erp' }
  await inTx(ctx, async (tx, ctx) => {
    if (what === 'suspended') recordAudit(tx, ctx, { event: 'agent.suspended', ...about, detail: { reason } })
    else {
      const detail = { grantId: crypto.randomUUID(), class: 'write', toolName: null, expiresAt: start.toISOString() }
      recordAudit(tx, ctx, { event: 'grant.ends_soon', ...about, detail })
    }
  })
}

export async function owner(db: Db): Promise<{ me: Person; agentId: string; teamId: string }> {
  const teamId = await makeTeam(db)
  const me = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
  const { id: agentId } = await makeAgent(db, { ownerTeamId: teamId, accountablePersonId: me.id })
  return { me, agentId, teamId }
}
/** The mails that somebody got, their lines put together again. */
export const mine = ({ smtp, me }: { smtp: { received: { to: string; raw: string }[] }; me: Person }) =>
  smtp.received.filter(({ to }) => to === me.email).map(({ raw }) => raw.replaceAll('=\r\n', ''))
export const header = (raw: string, name: string) =>
  new RegExp(`^${name}: (.*(?:\r\n[ \t].*)*)`, 'im').exec(raw)?.[1]?.replaceAll(/\s+/g, ' ')
