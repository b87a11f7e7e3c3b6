import { z } from 'zod'
import { createWebhookInput, deliveryListQuery, updateWebhookInput } from '#lib/webhooks/schema.ts'
import { webhook, webhookDeliveryPage } from '../answers/webhooks.ts'
import { text, time } from '../answers/words.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, uuidId } from './params.ts'
import { instant } from '#lib/core/instant.ts'

const exampleDelivery = '01990000-0000-7000-8000-000000000002'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/webhooks',
  summary: 'Every webhook, with how its deliveries of the last seven days fared.',
  permission: 'webhooks:manage',
  query: pageQuery,
  answer: json(pagedOf(webhook)),
})

export const create = endpoint({
  method: 'POST',
  path: '/api/v1/webhooks',
  summary:
    'Registers an address that is told of audit events; the answer is the only time that its secret can be read.',
  permission: 'webhooks:manage',
  body: createWebhookInput,
  status: 201,
  secret: ['secret'],
  answer: json(z.strictObject({ webhookId: text, secret: text })),
  example: { body: { url: 'https://pager.example.com/wheelhouse', events: ['stop.*', 'agent.suspended'] } },
})

export const show = endpoint({
  method: 'GET',
  path: '/api/v1/webhooks/{id}',
  summary: 'One webhook; its secret is never shown again.',
  permission: 'webhooks:manage',
  params: uuidId,
  revision: 'webhook',
  answer: json(webhook),
  example: { params: exampleId },
})

export const update = endpoint({
  method: 'PATCH',
  path: '/api/v1/webhooks/{id}',
  summary: 'Changes a webhook’s address, events or description, or switches it on or off.',
  permission: 'webhooks:manage',
  params: uuidId,
  body: updateWebhookInput.omit({ webhookId: true }),
  revision: 'webhook',
  answer: nothing,
  example: { params: exampleId, body: { enabled: true } },
})

export const remove = endpoint({
  method: 'DELETE',
  path: '/api/v1/webhooks/{id}',
  summary: 'Ends a webhook, with its delivery log.',
  permission: 'webhooks:manage',
  params: uuidId,
  revision: 'webhook',
  answer: nothing,
  example: { params: exampleId },
})

export const rotate = endpoint({
  method: 'POST',
  path: '/api/v1/webhooks/{id}/secret',
  summary: 'Gives a webhook a new secret; the one before signs as well for a day.',
  permission: 'webhooks:manage',
  params: uuidId,
  status: 201,
  revision: 'webhook',
  secret: ['secret'],
  answer: json(z.strictObject({ secret: text, previousUntil: time })),
  example: { params: exampleId },
})

export const test = endpoint({
  method: 'POST',
  path: '/api/v1/webhooks/{id}/test',
  summary: 'Sends a test message to a webhook, also to one that is switched off.',
  permission: 'webhooks:manage',
  params: uuidId,
  revision: 'webhook',
  answer: json(z.strictObject({ deliveryId: text })),
  example: { params: exampleId },
})

export const deliveries = endpoint({
  method: 'GET',
  path: '/api/v1/webhooks/{id}/deliveries',
  summary: 'The delivery log of a webhook with every attempt, newest first, a page at a time.',
  permission: 'webhooks:manage',
  params: uuidId,
  query: deliveryListQuery,
  cursorOf: () => 'before',
  answer: json(webhookDeliveryPage),
  example: { params: exampleId, query: { state: 'failed' } },
})

export const replay = endpoint({
  method: 'POST',
  path: '/api/v1/webhooks/{id}/replay',
  summary: 'Sends one delivery again, or all that failed since a time, under the same message ids.',
  permission: 'webhooks:manage',
  params: uuidId,
  body: z.union([z.strictObject({ deliveryId: z.uuid() }), z.strictObject({ failedSince: instant })]),
  revision: 'webhook',
  answer: json(z.strictObject({ replayed: z.int() })),
  example: { params: exampleId, body: { deliveryId: exampleDelivery } },
})
