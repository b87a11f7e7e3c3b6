import { Badge } from '#components/ui/badge.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { kindFacts } from '#lib/notifications/schema/kinds.ts'
import type { ChannelView } from '#lib/notifications/schema/settings.ts'
import { changeChannel, channelTest, removeChannel } from './actions.ts'
import { SendButton } from './send-button.client.tsx'

/** Channels with how their last message fared. */
export function ChannelList({ channels }: { channels: readonly ChannelView[] }) {
  return (
    <ul className="divide-y">
      {channels.map((channel) => (
        <li key={channel.id} className="grid gap-2 py-3 first:pt-0 last:pb-0">
          <Facts channel={channel} />
          <div className="flex flex-wrap gap-2">
            <SendButton label="Send a test" action={channelTest} input={{ channelId: channel.id }} />
            <SendButton
              label={channel.enabled ? 'Switch off' : 'Switch on'}
              action={changeChannel}
              input={{ channelId: channel.id, enabled: !channel.enabled }}
              said={channel.enabled ? 'It is off.' : 'It is on.'}
            />
            <ConfirmButton
              label="Delete"
              object={channel.name}
              title={`Delete ${channel.name}`}
              description="It is told of nothing more, and its delivery log goes with it."
              confirm="Delete"
              action={removeChannel}
              input={{ channelId: channel.id }}
              said="The channel is deleted."
            />
          </div>
        </li>
      ))}
    </ul>
  )
}

function Facts({
  channel: { name, host, owner, team, kinds, enabled, disabledReason, last },
}: {
  channel: ChannelView
}) {
  return (
    <div className="min-w-0">
      <p className="flex flex-wrap items-center gap-2">
        <span className="font-medium break-words">{name}</span>
        <Badge tone={enabled ? 'ok' : 'warn'}>{enabled ? 'on' : 'off'}</Badge>
        <span className="text-[13px] text-muted-foreground">{host}</span>
      </p>
      {owner !== 'me' && (
        <p className="text-[13px] text-muted-foreground">
          {team?.name ?? 'The organization'}: {kinds.map((kind) => kindFacts[kind].label).join(', ')}
        </p>
      )}
      {disabledReason && <p className="text-[13px] text-danger">{disabledReason}</p>}
      {last && (
        <p className="text-[13px] text-muted-foreground">
          Last message {last.state} <Time value={last.at} />
          {last.error && <span className="text-danger">: {last.error}</span>}
        </p>
      )}
    </div>
  )
}
