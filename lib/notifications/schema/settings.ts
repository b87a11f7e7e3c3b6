// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import { type Channel, type Kind, kinds, type Mode, modes, teamKinds } from './kinds.ts'

export const channels = ['inbox', 'mail', 'slack'] as const satisfies readonly Channel[]

const preference = z.strictObject({
  kind: z.enum(kinds),
  channel: z.enum(channels),
  /** null: as the roles have it. */
  mode: z.enum(modes).nullable(),
})
export const setPreferencesInput = z.strictObject({
  preferences: z.array(preference).min(1, 'Name at least one preference.').max(100),
})
export type SetPreferencesInput = z.infer<typeof setPreferencesInput>

export const setDigestTimeInput = z.strictObject({
  timeZone: z.string().min(1, 'Name a time zone, such as Europe/Berlin.').max(60),
  /** Where the person is. */
  hour: z.int().min(0).max(23),
  /** Of the weekly one; 1: Monday, 7: Sunday. */
  weekday: z.int().min(1).max(7),
})
export type SetDigestTimeInput = z.infer<typeof setDigestTimeInput>

const url = z
  .url({ protocol: /^https?$/, error: 'Use the https address that Slack gave.' })
  .max(2000)
  .refine((text) => !/^https?:\/\/[^/]*@/.test(text), 'Leave user and password out of the address.')
const name = z.string().trim().min(1, 'Give it a name.').max(100)
const takes = z.array(z.enum(kinds)).max(kinds.length)

/** One’s own, a team’s, or the organization’s. */
export const createChannelInput = z.discriminatedUnion('owner', [
  z.strictObject({ owner: z.literal('me'), name: name.default('Slack'), url }),
  z.strictObject({
    owner: z.literal('team'),
    teamId: z.string().min(1).max(100),
    name,
    url,
    kinds: z.array(z.enum(teamKinds)).max(teamKinds.length).min(1, 'Name at least one kind.'),
  }),
  z.strictObject({ owner: z.literal('organization'), name, url, kinds: takes.min(1, 'Name at least one kind.') }),
])
export type CreateChannelInput = z.infer<typeof createChannelInput>

export const updateChannelInput = z.strictObject({
  channelId: z.uuid(),
  name: name.optional(),
  url: url.optional(),
  kinds: takes.optional(),
  enabled: z.boolean().optional(),
})
export type UpdateChannelInput = z.infer<typeof updateChannelInput>

export const channelIdInput = z.strictObject({ channelId: z.uuid() })
export type ChannelIdInput = z.infer<typeof channelIdInput>

export const noInput = z.strictObject({})

export const notificationDeliveryQuery = z.strictObject({
  /** Left out: one’s own mails. */
  channelId: z.uuid().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.uuid().optional(),
})

/** A channel as shown; its address is not. */
export type ChannelView = {
  id: string
  owner: 'me' | 'team' | 'organization'
  team: { id: string; name: string } | null
  name: string
  host: string
  kinds: Kind[]
  enabled: boolean
  disabledReason: string | null
  createdAt: string
  createdBy: string
  last: { state: 'pending' | 'delivered' | 'failed'; at: string; error: string | null } | null
}

export type PreferenceView = {
  kind: Kind
  label: string
  says: string
  /** By channel: what holds, what would hold without a choice, and what can be chosen. */
  channels: Record<Channel, { mode: Mode; standard: Mode; chosen: boolean; modes: Mode[] }>
}

export type NotificationSettingsView = {
  preferences: PreferenceView[]
  digest: { timeZone: string; hour: number; weekday: number }
  /** `from` null: this installation sends no mail. */
  mail: { from: string | null; to: string }
  /** One’s own. */
  slack: ChannelView | null
}

export type NotificationDeliveryView = {
  id: string
  medium: 'mail' | 'slack'
  what: 'notification' | 'digest' | 'test'
  title: string
  state: 'pending' | 'delivered' | 'failed'
  attempts: number
  nextAttemptAt: string | null
  lastError: string | null
  createdAt: string
  settledAt: string | null
}

export type NotificationDeliveryPage = { items: NotificationDeliveryView[]; nextCursor: string | null }
