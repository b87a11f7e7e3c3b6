import { createDocument, type oas31, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi'
import { problem } from './answers/problem.ts'
import type { Endpoint } from './endpoint.ts'
import { operation } from './openapi/operation.ts'
import { headers, parameters, problemResponses } from './openapi/shared.ts'
import { routes } from './routes.ts'

export type OpenApiDocument = oas31.OpenAPIObject

/** The topics in the order of the reference, each with a sentence. */
const topics = {
  agents: 'The registry of agents: find, create, change, suspend, retire, import and export them.',
  views: 'Saved views of the catalog.',
  reviews: 'Campaigns: whether grants are still needed, decided by those who answer for their agents.',
  runs: 'Runs of agents and their logs.',
  scopes: 'Scope requests, decisions and grants.',
  escalations: 'What agents brought to people.',
  approvals: 'Calls held for a person, and the rules that hold them.',
  policySets: 'The central policies: drafts, what is log-only, what is enforced.',
  breakGlass: 'Scopes taken at once in an emergency, and their reviews.',
  control: 'The kill switch, the audit log and figures of the fleet.',
  decisions: 'Why calls were decided as they were, and what would be decided.',
  policyReplays: 'What recorded calls would have been under a set of central policies.',
  history: 'What was at an instant, and what differs between two.',
  registry: 'MCP servers, their credentials, templates and sealing keys.',
  servers: 'Registering MCP servers and reviewing their tools.',
  unregistered: 'What was found and is not registered: adopt it, or say why not.',
  usage: 'Which grants are needed, and narrowing those that are not.',
  delegations: 'Who is asked in whose place while they are away.',
  inbox: 'What you were told of.',
  notifications: 'How you are told: by mail, in Slack, at once or in a digest.',
  webhooks: 'Who outside is told of audit events.',
  keys: 'Keys that sign agent tokens.',
  people: 'Who has left and is back, and agents nobody answers for.',
  account: 'Who you are, your tokens, people and teams.',
} as const satisfies Record<keyof typeof routes, string>

const made = new Map<string, OpenApiDocument>()

/** The OpenAPI 3.1 document of the REST API, made once from the table of endpoints; `url` is the portal's address. */
export function openApiDocument({ url }: { url: string }): OpenApiDocument {
  const document = made.get(url) ?? make(url)
  made.set(url, document)
  return document
}

function make(url: string): OpenApiDocument {
  return createDocument(
    {
      openapi: '3.1.1',
      info: {
        title: 'Wheelhouse',
        version: '1',
        description:
          'What the pages of the portal do, through the same commands: the same permissions, rules and audit log. Amounts are micro-dollars as decimal strings, times are ISO 8601 in UTC. Ignore fields that you do not know: answers may gain some.',
      },
      servers: [{ url }],
      security: [{ token: [] }],
      tags: Object.entries(topics).map(([name, description]) => ({ name, description })),
      paths: pathsOf(),
      components: {
        schemas: { Problem: problem },
        responses: problemResponses,
        headers,
        parameters,
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description:
              'A personal access token (Settings, Tokens). It can do what both it and its owner may do at that moment.',
          },
        },
      },
    },
    { override: representable },
  ) as OpenApiDocument
}

function pathsOf(): ZodOpenApiPathsObject {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const topic of Object.keys(topics) as (keyof typeof routes)[]) {
    for (const [name, endpoint] of Object.entries<Endpoint>(routes[topic])) {
      const methods = (paths[endpoint.path] ??= {})
      methods[endpoint.method.toLowerCase()] = operation(endpoint, { topic, name })
    }
  }
  return paths
}

type Override = NonNullable<NonNullable<Parameters<typeof createDocument>[1]>['override']>
type OverrideContext = Parameters<Extract<Override, (...given: never[]) => unknown>>[0]

/** What JSON Schema has no word for is text on the wire, and answers may gain fields. */
function representable({ jsonSchema, zodSchema, io }: OverrideContext): void {
  const { type } = zodSchema._zod.def
  if (type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' })
  if (type === 'bigint') Object.assign(jsonSchema, { type: 'string', pattern: '^-?\\d+$' })
  if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
  // What a format or the type says already.
  if (jsonSchema.format === 'uuid' || jsonSchema.format?.startsWith('date')) delete jsonSchema.pattern
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}
