import { z } from 'zod'
import type { ServerRow, ServerView } from '#lib/registry/schema.ts'
import type { TemplateRow, TemplateView } from '#lib/templates/schema.ts'
import { endpoint, json } from '../endpoint.ts'
import { type Items, namedId } from './params.ts'

export const listServers = endpoint({
  method: 'GET',
  path: '/api/v1/servers',
  summary: 'Every MCP server, with its tools by class and how many agents reach it.',
  permission: 'servers:read',
  answer: json<Items<ServerRow>>(),
})

export const showServer = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}',
  summary: 'One MCP server with its tools and who holds what on it.',
  permission: 'servers:read',
  params: namedId,
  answer: json<ServerView>(),
  example: { params: { id: 'invoices' } },
})

export const listTemplates = endpoint({
  method: 'GET',
  path: '/api/v1/templates',
  summary: 'Every golden template with its newest version.',
  permission: 'templates:read',
  answer: json<Items<TemplateRow>>(),
})

export const showTemplate = endpoint({
  method: 'GET',
  path: '/api/v1/templates/{id}',
  summary: 'One golden template in full, the newest version unless one is named.',
  permission: 'templates:read',
  params: namedId,
  query: z.strictObject({ version: z.string().max(50).optional() }),
  answer: json<TemplateView>(),
  example: { params: { id: 'invoice-reconciler' } },
})
