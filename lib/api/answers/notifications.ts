import { z } from 'zod'
import { kinds, modes } from '#lib/notifications/schema/kinds.ts'
import type {
  ChannelView,
  NotificationDeliveryPage,
  NotificationSettingsView,
} from '#lib/notifications/schema/settings.ts'
import { answerOf, count, reference, text, time } from './words.ts'

const kind = z.enum(kinds)
const mode = z.enum(modes)
const state = z.enum(['pending', 'delivered', 'failed'])
const wish = z.strictObject({ mode, standard: mode, chosen: z.boolean(), modes: z.array(mode) })

export const notificationChannel = answerOf<ChannelView>()(
  z.strictObject({
    id: text,
    owner: z.enum(['me', 'team', 'organization']),
    team: reference.nullable(),
    name: text,
    host: text,
    kinds: z.array(kind),
    enabled: z.boolean(),
    disabledReason: text.nullable(),
    createdAt: time,
    createdBy: text,
    last: z.strictObject({ state, at: time, error: text.nullable() }).nullable(),
  }),
).meta({ id: 'NotificationChannel' })

export const notificationSettings = answerOf<NotificationSettingsView>()(
  z.strictObject({
    preferences: z.array(
      z.strictObject({
        kind,
        label: text,
        says: text,
        channels: z.strictObject({ inbox: wish, mail: wish, slack: wish }),
      }),
    ),
    digest: z.strictObject({ timeZone: text, hour: z.int(), weekday: z.int() }),
    mail: z.strictObject({ from: text.nullable(), to: text }),
    slack: notificationChannel.nullable(),
  }),
).meta({ id: 'NotificationSettings' })

export const notificationDeliveryPage = answerOf<NotificationDeliveryPage>()(
  z.strictObject({
    items: z.array(
      z.strictObject({
        id: text,
        medium: z.enum(['mail', 'slack']),
        what: z.enum(['notification', 'digest', 'test']),
        title: text,
        state,
        attempts: count,
        nextAttemptAt: time.nullable(),
        lastError: text.nullable(),
        createdAt: time,
        settledAt: time.nullable(),
      }),
    ),
    nextCursor: text.nullable(),
  }),
).meta({ id: 'NotificationDeliveryPage' })
