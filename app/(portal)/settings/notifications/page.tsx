import type { Metadata } from 'next'
import { Card } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { getNotificationSettings, listChannels, listNotificationDeliveries } from '#lib/notifications/queries.ts'
import { listTeams } from '#lib/registry/queries.ts'
import { currentCtx, type PageCtx } from '#lib/web/ctx.ts'
import { portal } from '#lib/web/db.ts'
import { AddChannelButton } from './add-channel.client.tsx'
import { ChannelList } from './channel-list.tsx'
import { DeliveryTable } from './delivery-table.tsx'
import { DigestForm } from './digest-form.client.tsx'
import { PreferenceTable } from './preference-table.tsx'
import { SendButton } from './send-button.client.tsx'
import { mailTest } from './actions.ts'

export const metadata: Metadata = { title: 'Notifications' }

export default async function NotificationsPage() {
  const ctx = await currentCtx()
  const settings = await getNotificationSettings(ctx, portal().config)
  const { items: sent } = await listNotificationDeliveries(ctx, { limit: 10 })
  const { mail, slack } = settings
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.inbox(), label: 'Inbox' }]}
        title="Notifications"
        description="What you are told of, over which channel, and when. What waits for you and stops are always in the inbox."
      />
      {mail.from === null && (
        <Notice kind="warn" title="This installation sends no mail">
          What you choose for mail holds as soon as it does. Whoever operates it sets <code>WHEELHOUSE_SMTP_URL</code>{' '}
          and <code>WHEELHOUSE_MAIL_FROM</code>.
        </Notice>
      )}
      <div className="mt-4 grid items-start gap-5 xl:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
        <PreferenceTable settings={settings} />
        <div className="grid gap-5">
          <Card title="Digests">
            <DigestForm key={JSON.stringify(settings.digest)} initial={settings.digest} />
          </Card>
          <Card
            title="Mail"
            actions={
              <SendButton
                label="Send a test"
                action={mailTest}
                input={{}}
                whyNot={mail.from === null ? 'No mail server is set up.' : null}
              />
            }
          >
            <p className="mb-3 text-[13px] text-muted-foreground">
              {mail.from === null ? `It would go to ${mail.to}.` : `To ${mail.to}, from ${mail.from}.`}
            </p>
            <DeliveryTable caption="Mail sent to you" deliveries={sent} empty="Nothing was mailed to you." />
          </Card>
          <Card title="My Slack channel" actions={<AddChannelButton owner="me" label={slack ? 'Replace' : 'Add'} />}>
            {slack ? (
              <ChannelList channels={[slack]} />
            ) : (
              <p className="text-[13px] text-muted-foreground">
                An incoming webhook of Slack, or of a chat that takes the same, tells you alone.
              </p>
            )}
          </Card>
          {can(ctx.actor, 'channels:manage') && <SharedChannels ctx={ctx} />}
        </div>
      </div>
    </>
  )
}

async function SharedChannels({ ctx }: { ctx: PageCtx }) {
  const [channels, teams] = await Promise.all([listChannels(ctx), listTeams(ctx)])
  const everyTeam = can(ctx.actor, 'agents:any_team')
  const mine = teams
    .filter(({ id }) => everyTeam || ctx.actor.teamIds.includes(id))
    .map(({ id, name }) => ({ id, name }))
  return (
    <Card
      title="Channels of teams"
      actions={<AddChannelButton owner="shared" label="Add" teams={mine} organization={everyTeam} />}
    >
      {channels.length > 0 ? (
        <ChannelList channels={channels} />
      ) : (
        <p className="text-[13px] text-muted-foreground">A team’s channel is told of the team and its agents.</p>
      )}
    </Card>
  )
}
