import { z } from 'zod'
import type {
  ZodOpenApiOperationObject,
  ZodOpenApiParameters,
  ZodOpenApiResponseObject,
  ZodOpenApiResponsesObject,
} from 'zod-openapi'
import type { Endpoint } from '../endpoint.ts'
import { headerRef, parameterRef, problemRef } from './shared.ts'

/** One endpoint in the words of OpenAPI. Its id is its place in the table: `agents.list`. */
export function operation(endpoint: Endpoint, at: { topic: string; name: string }): ZodOpenApiOperationObject {
  const { summary, permission, params, query, example } = endpoint
  return {
    operationId: `${at.topic}.${at.name}`,
    tags: [at.topic],
    summary: summary.replace(/\.$/, ''),
    description: needs(endpoint),
    'x-permission': permission,
    requestParams: { ...objectOf('path', params), ...objectOf('query', query) },
    parameters: headersOf(endpoint),
    ...(example?.query || example?.params
      ? {
          'x-example': {
            ...(example.params ? { path: example.params } : {}),
            ...(example.query ? { query: example.query } : {}),
          },
        }
      : {}),
    ...bodyOf(endpoint),
    responses: responsesOf(endpoint),
  }
}

function needs({ permission, orPermissions }: Endpoint): string {
  if (permission === null) return 'For everybody who is signed in.'
  const others = (orPermissions ?? []).map((name) => `\`${name}\``).join(' or ')
  return `Needs the permission \`${permission}\`${others ? `, or ${others} within your own teams` : ''}.`
}

/** The headers that it reads beside the token. */
function headersOf(endpoint: Endpoint) {
  return [
    ...(isTagged(endpoint) ? [parameterRef('IfNoneMatch')] : []),
    ...(endpoint.revision && endpoint.method !== 'GET' ? [parameterRef('IfMatch')] : []),
    ...(endpoint.method === 'GET' ? [] : [parameterRef('IdempotencyKey')]),
  ]
}

function isTagged({ method, answer }: Endpoint): boolean {
  return method === 'GET' && answer.media === 'application/json'
}

/** Whether the answer is a page of a list. */
export function isPaged({ answer }: Endpoint): boolean {
  return answer.schema instanceof z.ZodObject && 'nextCursor' in answer.schema.shape
}

function objectOf(place: 'path' | 'query', schema: z.ZodType | undefined): ZodOpenApiParameters {
  return schema ? { [place]: schema } : {}
}

function bodyOf({ body, textBody, example }: Endpoint): Partial<ZodOpenApiOperationObject> {
  if (!body) return {}
  const media = textBody ? 'application/yaml' : 'application/json'
  return { requestBody: { required: true, content: { [media]: { schema: body, example: example?.body } } } }
}

function responsesOf(endpoint: Endpoint): ZodOpenApiResponsesObject {
  const { permission, params, query, body, method } = endpoint
  return {
    ...successOf(endpoint),
    '401': problemRef('Unauthenticated'),
    ...(permission === null ? {} : { '403': problemRef('Forbidden') }),
    ...(params ? { '404': problemRef('NotFound') } : {}),
    ...(method === 'GET' ? {} : { '409': problemRef('Conflict') }),
    ...(endpoint.revision && method !== 'GET' ? { '412': problemRef('Changed') } : {}),
    ...(params || query || body ? { '422': problemRef('Invalid') } : {}),
    '429': problemRef('TooMany'),
    '503': problemRef('Unavailable'),
  }
}

function successOf(endpoint: Endpoint): ZodOpenApiResponsesObject {
  const { answer, status } = endpoint
  const requestId = {
    'X-Request-Id': headerRef('RequestId'),
    ...(endpoint.unlimited
      ? {}
      : { RateLimit: headerRef('RateLimit'), 'RateLimit-Policy': headerRef('RateLimitPolicy') }),
  }
  const headers = {
    ...requestId,
    ...(isTagged(endpoint) ? { ETag: headerRef('ETag') } : {}),
    ...(isPaged(endpoint) ? { Link: headerRef('Link') } : {}),
    ...(endpoint.method === 'GET' ? {} : { 'Idempotency-Replayed': headerRef('IdempotencyReplayed') }),
  }
  const nothing: ZodOpenApiResponseObject = { description: 'Done', headers }
  if (answer.media !== 'application/json') {
    return {
      '200': { description: 'The answer', headers, content: { [answer.media]: { schema: { type: 'string' } } } },
    }
  }
  if (!answer.schema) return { '204': nothing }
  const answered = { description: 'The answer', headers, content: { 'application/json': { schema: answer.schema } } }
  return {
    [status ?? 200]: answered,
    ...(answer.schema.safeParse(null).success ? { '204': nothing } : {}),
    ...(isTagged(endpoint) ? { '304': { description: 'Still the same', headers } } : {}),
  }
}
