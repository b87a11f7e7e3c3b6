import { z } from 'zod'
import {
  createChannelInput,
  notificationDeliveryQuery,
  setDigestTimeInput,
  setPreferencesInput,
  updateChannelInput,
} from '#lib/notifications/schema/settings.ts'
import { notificationChannel, notificationDeliveryPage, notificationSettings } from '../answers/notifications.ts'
import { text } from '../answers/words.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { pagedOf, pageQuery } from '../paging.ts'
import { exampleId, uuidId } from './params.ts'

export const settings = endpoint({
  method: 'GET',
  path: '/api/v1/notification-settings',
  summary: 'How you are told of what: by kind and channel, when digests come, and your own Slack channel.',
  permission: 'inbox:own',
  answer: json(notificationSettings),
})

export const setPreferences = endpoint({
  method: 'PUT',
  path: '/api/v1/notification-settings/preferences',
  summary: 'Chooses how you are told of kinds over channels; null gives back what your roles have.',
  permission: 'inbox:own',
  body: setPreferencesInput,
  answer: nothing,
  example: { body: { preferences: [{ kind: 'grant', channel: 'mail', mode: 'weekly' }] } },
})

export const setDigest = endpoint({
  method: 'PUT',
  path: '/api/v1/notification-settings/digest',
  summary: 'Says when your digests come: the hour where you are, and the day of the weekly one.',
  permission: 'inbox:own',
  body: setDigestTimeInput,
  answer: nothing,
  example: { body: { timeZone: 'Europe/Berlin', hour: 8, weekday: 1 } },
})

export const testMail = endpoint({
  method: 'POST',
  path: '/api/v1/notification-settings/test-mail',
  summary: 'Sends a mail to yourself.',
  permission: 'inbox:own',
  answer: json(z.strictObject({ deliveryId: text })),
})

export const deliveries = endpoint({
  method: 'GET',
  path: '/api/v1/notification-deliveries',
  summary: 'What was mailed to you, or sent to a channel you manage, newest first, a page at a time.',
  permission: 'inbox:own',
  query: notificationDeliveryQuery,
  answer: json(notificationDeliveryPage),
})

export const listChannels = endpoint({
  method: 'GET',
  path: '/api/v1/notification-channels',
  summary: 'Slack channels of your teams, and of the organization if your role reaches every team.',
  permission: 'channels:manage',
  query: pageQuery,
  answer: json(pagedOf(notificationChannel)),
})

export const showChannel = endpoint({
  method: 'GET',
  path: '/api/v1/notification-channels/{id}',
  summary: 'One Slack channel: your own, or one that you may manage.',
  permission: 'inbox:own',
  params: uuidId,
  revision: 'notificationChannel',
  answer: json(notificationChannel),
  example: { params: exampleId },
})

export const createChannel = endpoint({
  method: 'POST',
  path: '/api/v1/notification-channels',
  summary:
    'Adds an incoming webhook of Slack: your own, or with channels:manage a team’s or the organization’s. Its address is never shown again.',
  permission: 'inbox:own',
  body: createChannelInput,
  status: 201,
  answer: json(z.strictObject({ channelId: text })),
  example: {
    body: {
      owner: 'team',
      teamId: 'finance-platform',
      name: '#finance-agents',
      url: 'https://hooks.slack.com/services/T000/B000/XXXX',
      kinds: ['stop', 'agent_state'],
    },
  },
})

export const updateChannel = endpoint({
  method: 'PATCH',
  path: '/api/v1/notification-channels/{id}',
  summary: 'Changes a channel’s name, address or kinds, or switches it on or off.',
  permission: 'inbox:own',
  params: uuidId,
  body: updateChannelInput.omit({ channelId: true }),
  revision: 'notificationChannel',
  answer: nothing,
  example: { params: exampleId, body: { enabled: true } },
})

export const deleteChannel = endpoint({
  method: 'DELETE',
  path: '/api/v1/notification-channels/{id}',
  summary: 'Ends a channel, with its delivery log.',
  permission: 'inbox:own',
  params: uuidId,
  revision: 'notificationChannel',
  answer: nothing,
  example: { params: exampleId },
})

export const testChannel = endpoint({
  method: 'POST',
  path: '/api/v1/notification-channels/{id}/test',
  summary: 'Sends a test to a channel, also to one that is switched off.',
  permission: 'inbox:own',
  params: uuidId,
  revision: 'notificationChannel',
  answer: json(z.strictObject({ deliveryId: text })),
  example: { params: exampleId },
})
