import { z } from 'zod'
import {
  approveToolsInput,
  classifyToolInput,
  importServerInput,
  registerServerInput,
  rejectToolInput,
  updateServerInput,
} from '#lib/registry/schema.ts'
import { setCallPriceInput } from '#lib/metrics/schema/call-prices.ts'
import { setServerGuardsInput } from '#lib/guardrails/schema/server-guards.ts'
import { setServerBoundaryInput } from '#lib/registry/schema/processes.ts'
import { requestServerProbeInput } from '#lib/registry/schema/probes.ts'
import { requestPackageInput } from '#lib/registry/schema/packages.ts'
import { importedServer, packageFetch } from '../answers/packages.ts'
import { loosening, serverGuards, serverGuardsSet, serverHealth, serverProbe, waits } from '../answers/servers.ts'
import { callPrices } from '../answers/call-prices.ts'
import { toolDetail, toolReview } from '../answers/tools.ts'
import { text } from '../answers/words.ts'
import { pageQuery, pagedOf } from '../paging.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, namedId, uuidId } from './params.ts'

const params = { id: 'erp' }
const hash = '3b7c1f0a9d2e4c5b6a7988f1e2d3c4b5a6978869504132435465768798a9bacb'

export const registerServer = endpoint({
  method: 'POST',
  path: '/api/v1/servers',
  summary: 'Registers an MCP server by address or program; findings that guard it less are accepted by name.',
  permission: 'servers:manage',
  body: registerServerInput,
  status: 201,
  answer: json(z.strictObject({ id: text })),
  example: {
    body: {
      id: 'erp',
      name: 'ERP',
      url: 'https://erp.example.com/mcp',
      environment: 'production',
      sensitivity: 'confidential',
      acknowledged: ['not_probed'],
    },
  },
})

export const updateServer = endpoint({
  method: 'PATCH',
  path: '/api/v1/servers/{id}',
  summary:
    'Changes an MCP server, for instance its status, which is disabled with a reason; a lower environment or sensitivity, or a kind of data less, waits for a second person.',
  permission: 'servers:manage',
  params: namedId,
  body: updateServerInput.omit({ id: true }),
  revision: 'server',
  answer: json(z.strictObject({ waits })),
  example: { params, body: { status: 'disabled', reason: 'It answers with data of another tenant.' } },
})

export const importServer = endpoint({
  method: 'POST',
  path: '/api/v1/servers/import',
  summary:
    'Registers an MCP server as a server.json of the official registry describes it; of an npm package, what was fetched of it before.',
  permission: 'servers:manage',
  body: importServerInput,
  bodyBytesMax: 512_000,
  status: 201,
  answer: json(importedServer),
  example: { body: { text: '{ "name": "io.github.acme/tools" }', environment: 'staging', sensitivity: 'internal' } },
})

export const fetchPackage = endpoint({
  method: 'POST',
  path: '/api/v1/servers/packages',
  summary:
    'Asks the worker to fetch an npm package by exactly one version, with all it depends on; no script of it runs.',
  permission: 'servers:manage',
  body: requestPackageInput,
  status: 201,
  answer: json(z.strictObject({ packageId: text })),
  example: { body: { name: '@acme/erp-tools', version: '1.2.0' } },
})

export const showPackage = endpoint({
  method: 'GET',
  path: '/api/v1/servers/packages/{id}',
  summary: 'What was fetched of a package, or why it was not; finishedAt is null until then.',
  permission: 'servers:manage',
  params: uuidId,
  answer: json(packageFetch),
  example: { params: exampleId },
})

export const probeServer = endpoint({
  method: 'POST',
  path: '/api/v1/servers/probes',
  summary:
    'Asks the worker to look at an address (TLS, authentication, protocol, tools) or to start a program once in the sandbox.',
  permission: 'servers:manage',
  body: requestServerProbeInput,
  status: 201,
  answer: json(z.strictObject({ probeId: text })),
  example: { body: { url: 'https://erp.example.com/mcp' } },
})

export const showProbe = endpoint({
  method: 'GET',
  path: '/api/v1/servers/probes/{id}',
  summary: 'What a probe has found; report is null until it has ended.',
  permission: 'servers:manage',
  params: uuidId,
  answer: json(serverProbe),
  example: { params: exampleId },
})

export const listReviews = endpoint({
  method: 'GET',
  path: '/api/v1/servers/reviews',
  summary: 'Tools that wait for a decision, with what was found, those you are asked about first.',
  permission: 'servers:read',
  query: pageQuery,
  answer: json(pagedOf(toolReview)),
})

export const listLoosenings = endpoint({
  method: 'GET',
  path: '/api/v1/servers/loosenings',
  summary:
    'What would loosen the facts, guards or boundaries of servers and tools and waits for a second person, the oldest first.',
  permission: 'servers:read',
  query: pageQuery,
  answer: json(pagedOf(loosening)),
})

export const confirmLoosening = endpoint({
  method: 'POST',
  path: '/api/v1/servers/loosenings/{id}/confirm',
  summary:
    'Lets a lower fact of a server or tool, or a looser guard or boundary, count that somebody else has proposed.',
  permission: 'servers:manage',
  params: uuidId,
  answer: nothing,
  example: { params: exampleId },
})

export const withdrawLoosening = endpoint({
  method: 'POST',
  path: '/api/v1/servers/loosenings/{id}/withdraw',
  summary: 'Ends what was proposed of a server or tool; what counts goes on counting.',
  permission: 'servers:manage',
  params: uuidId,
  answer: nothing,
  example: { params: exampleId },
})

export const showTool = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/tools/{tool}',
  summary: 'One tool with the listed and the approved definition, and its history.',
  permission: 'servers:read',
  params: z.strictObject({ id: z.string().min(1).max(100), tool: z.string().min(1).max(200) }),
  revision: 'server',
  answer: json(toolDetail),
  example: { params: { id: 'erp', tool: 'get_purchase_order' } },
})

export const approveTools = endpoint({
  method: 'POST',
  path: '/api/v1/servers/{id}/approve',
  summary: 'Approves tools by name and the hash of the definition that was read: all, or none.',
  permission: 'servers:manage',
  params: namedId,
  body: approveToolsInput.omit({ serverId: true }),
  revision: 'server',
  answer: json(
    z.strictObject({
      approved: z.array(text),
      waits: z
        .array(text)
        .describe('Those whose lower class was proposed only, and counts when somebody else confirms it.'),
    }),
  ),
  example: { params, body: { tools: [{ name: 'get_purchase_order', definitionHash: hash }] } },
})

export const rejectTool = endpoint({
  method: 'POST',
  path: '/api/v1/servers/{id}/reject',
  summary: 'Refuses a definition of a tool, or withdraws the approval of the one agents see.',
  permission: 'servers:manage',
  params: namedId,
  body: rejectToolInput.omit({ serverId: true }),
  revision: 'server',
  answer: nothing,
  example: { params, body: { name: 'delete_order', definitionHash: hash, reason: 'It deletes without asking.' } },
})

export const classifyTool = endpoint({
  method: 'POST',
  path: '/api/v1/servers/{id}/classify',
  summary: 'Says which class a tool is, whatever its server says; a lower one waits for a second person.',
  permission: 'servers:manage',
  params: namedId,
  body: classifyToolInput.omit({ serverId: true }),
  revision: 'server',
  answer: json(z.strictObject({ waits })),
  example: { params, body: { name: 'mark_read', class: 'write', reason: 'It changes the state of the message.' } },
})

export const showGuards = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/guards',
  summary:
    'What the broker does with the results of a server (masking secrets, refusing marked ones), and its own limits.',
  permission: 'servers:read',
  params: namedId,
  revision: 'server',
  answer: json(serverGuards),
  example: { params },
})

export const setGuards = endpoint({
  method: 'PATCH',
  path: '/api/v1/servers/{id}/guards',
  summary:
    'Changes what the broker does with the results of a server, and its limits (calls a second, time, size, depth); what guards less waits for a second person.',
  permission: 'servers:manage',
  params: namedId,
  body: setServerGuardsInput.omit({ serverId: true }),
  revision: 'server',
  answer: json(serverGuardsSet),
  example: { params, body: { blockMarked: true, callsPerSecond: 20 } },
})

export const showPrices = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/prices',
  summary: 'What a call of each tool of a server costs, and whose price that is.',
  permission: 'servers:read',
  params: namedId,
  revision: 'server',
  answer: json(callPrices),
  example: { params },
})

export const setPrice = endpoint({
  method: 'PUT',
  path: '/api/v1/servers/{id}/prices',
  summary: 'Sets what a call of a tool costs, or of every tool without a price of its own; earlier calls keep theirs.',
  permission: 'costs:manage',
  params: namedId,
  body: setCallPriceInput.omit({ serverId: true }),
  revision: 'server',
  answer: nothing,
  example: { params, body: { tool: 'get_purchase_order', listUnitPriceMicros: '10000' } },
})

export const setBoundary = endpoint({
  method: 'PUT',
  path: '/api/v1/servers/{id}/boundary',
  summary:
    'Says whether the processes of a server over stdio are divided by agent, by team or not; one that more may share waits for a second person.',
  permission: 'servers:manage',
  params: namedId,
  body: setServerBoundaryInput.omit({ serverId: true }),
  revision: 'server',
  answer: json(z.strictObject({ waits })),
  example: { params, body: { boundary: 'team' } },
})

export const listHealth = endpoint({
  method: 'GET',
  path: '/api/v1/servers/{id}/health',
  summary: 'How the brokers find a server; those that had trouble with it only.',
  permission: 'servers:read',
  params: namedId,
  query: pageQuery,
  answer: json(pagedOf(serverHealth)),
  example: { params },
})
