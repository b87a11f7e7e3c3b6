import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import type { NotificationSettingsView } from '#lib/notifications/schema/settings.ts'
import { ModeSelect } from './mode-select.client.tsx'

const columns = [
  { channel: 'inbox', label: 'Inbox' },
  { channel: 'mail', label: 'Mail' },
  { channel: 'slack', label: 'Slack' },
] as const

/** Each kind with its channels; what cannot be chosen is said instead of offered. */
export function PreferenceTable({ settings }: { settings: NotificationSettingsView }) {
  return (
    <Card flush title="What I am told of">
      <ul className="divide-y">
        {settings.preferences.map(({ kind, label, says, channels }) => (
          <li key={kind} className="grid gap-2 px-4 py-3 md:grid-cols-[minmax(0,1fr)_auto] md:items-center">
            <div className="min-w-0">
              <h3 className="font-medium">{label}</h3>
              <p className="text-[13px] text-muted-foreground">{says}</p>
            </div>
            <div className="grid gap-2 sm:grid-cols-3 md:w-[28rem]">
              {columns.map(({ channel, label: name }) => {
                const wish = channels[channel]
                return (
                  <div key={channel} className="min-w-0">
                    <p aria-hidden className="mb-0.5 text-xs text-muted-foreground">
                      {name}
                    </p>
                    {wish.modes.length === 1 ? (
                      <p className="flex h-8 items-center">
                        <span className="sr-only">{name}: </span>
                        <Badge tone="outline">always</Badge>
                      </p>
                    ) : (
                      <ModeSelect kind={kind} channel={channel} wish={wish} label={`${label}: ${name}`} />
                    )}
                  </div>
                )
              })}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  )
}
