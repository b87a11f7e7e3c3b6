import { z } from 'zod'
import { serverTrafficQuery } from '#lib/metrics/schema/traffic.ts'
import { rotateKeysInput } from '#lib/keys/schema.ts'
import { removeServerCredentialInput, serverCredentialBody } from '#lib/registry/schema.ts'
import { sealingKeys } from '../answers/account.ts'
import { removedTools, server, serverHolders, serverProcesses, serverRow } from '../answers/servers.ts'
import { template, templateRow } from '../answers/templates.ts'
import { serverTraffic } from '../answers/traffic.ts'
import { text } from '../answers/words.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { namedId } from './params.ts'

export const listServers = endpoint({
  method: 'GET',
  path: '/api/v1/servers',
  summary: 'Every MCP server, with its tools by class and how many agents hold a grant on it.',
  permission: 'servers:read',
  query: pageQuery,
  answer: json(pagedOf(serverRow)),
})

export const showServer = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}',
  summary:
    'One MCP server with its tools, the last 50 that it no longer lists and the first 100 of those who hold something on it.',
  permission: 'servers:read',
  params: namedId,
  revision: 'server',
  answer: json(server),
  example: { params: { id: 'invoices' } },
})

export const listServerHolders = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/holders',
  summary: 'Who holds what on an MCP server: grants in force, the widest class first, then by agent.',
  permission: 'servers:read',
  params: namedId,
  query: pageQuery,
  answer: json(serverHolders),
  example: { params: { id: 'invoices' } },
})

export const listRemovedTools = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/removed-tools',
  summary: 'Tools that an MCP server no longer lists, the last seen first.',
  permission: 'servers:read',
  params: namedId,
  query: pageQuery,
  answer: json(removedTools),
  example: { params: { id: 'invoices' } },
})

export const showServerTraffic = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/traffic',
  summary: 'Calls, errors, refusals and durations of a server over the last hours, as a series and by tool.',
  permission: 'servers:read',
  params: namedId,
  query: serverTrafficQuery.pick({ hours: true }),
  answer: json(serverTraffic),
  example: { params: { id: 'invoices' }, query: { hours: '168' } },
})

export const showServerProcesses = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/processes',
  summary: 'How the processes of a server over stdio are divided and how they are; null for a server over HTTP.',
  permission: 'servers:read',
  params: namedId,
  revision: 'server',
  answer: json(serverProcesses.nullable()),
  example: { params: { id: 'invoices' } },
})

export const setServerCredential = endpoint({
  method: 'PUT',
  path: '/api/v1/servers/{id}/credential',
  summary:
    'Sets or replaces what the broker shows a server, for all or for one team; it is never shown again. An OAuth client names the authorization server (`issuer`) that alone gets its secret.',
  permission: 'servers:manage',
  params: namedId,
  body: serverCredentialBody,
  revision: 'server',
  answer: nothing,
  example: { params: { id: 'invoices' }, body: { kind: 'bearer', secret: 'a token' } },
})

export const removeServerCredential = endpoint({
  method: 'POST',
  path: '/api/v1/servers/{id}/credential/remove',
  summary: 'Takes a credential away from a server or from a team there.',
  permission: 'servers:manage',
  params: namedId,
  body: removeServerCredentialInput.omit({ serverId: true }),
  revision: 'server',
  answer: nothing,
  example: { params: { id: 'invoices' }, body: { reason: 'The server asks for none any more.' } },
})

export const showSealingKeys = endpoint({
  method: 'GET',
  path: '/api/v1/sealing-keys',
  summary: 'The key-encryption keys in use and how many sealed things are under each.',
  permission: 'keys:rotate',
  answer: json(sealingKeys),
})

export const rotateSealingKey = endpoint({
  method: 'POST',
  path: '/api/v1/sealing-keys/rotate',
  summary: 'Makes the newest configured key-encryption key current and wraps everything sealed anew.',
  permission: 'keys:rotate',
  body: rotateKeysInput,
  answer: json(z.strictObject({ keyId: text })),
  example: { body: { reason: 'The yearly rotation.' } },
})

export const listTemplates = endpoint({
  method: 'GET',
  path: '/api/v1/templates',
  summary: 'Every golden template with its newest version.',
  permission: 'templates:read',
  query: pageQuery,
  answer: json(pagedOf(templateRow)),
})

export const showTemplate = endpoint({
  method: 'GET',
  path: '/api/v1/templates/{id}',
  summary: 'One golden template in full, the newest version unless one is named.',
  permission: 'templates:read',
  params: namedId,
  query: z.strictObject({ version: z.string().max(50).optional() }),
  answer: json(template),
  example: { params: { id: 'invoice-reconciler' } },
})
