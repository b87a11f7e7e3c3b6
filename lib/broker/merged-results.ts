import { isRecord } from '#lib/core/is-record.ts'
import { mergedAddress, mergedPrompt } from './merged-addresses.ts'
import { resultFor } from './methods.ts'
import type { AgentRequest } from './pipeline-parts.ts'
import type { RpcMessage } from './upstream/http.ts'

type Fields = Record<string, unknown>

/** A server's result as the agent gets it at the address it asked. */
export function saidResult({ era, method, serverId }: AgentRequest, answeredBy: string, result: Fields): Fields {
  const said = serverId === null ? mergedResult(answeredBy, method, result) : result
  return method ? resultFor(era, method, said) : said
}

/** A server's result as it is said on the merged endpoint: what can be read there has the address it has there. */
export function mergedResult(serverId: string, method: string | undefined, result: Fields): Fields {
  const address = (own: string): string => mergedAddress(serverId, own)
  const prompt = (own: string): string => mergedPrompt(serverId, own)
  const content = (part: unknown): unknown => mergedContent(part, address)
  switch (method) {
    case undefined:
    case 'tasks/result':
      return withEach(result, 'content', content)
    case 'tasks/get':
      return withField(result, 'result', (done) => withEach(done, 'content', content))
    case 'resources/list':
      return withEach(result, 'resources', (resource) => renamed(resource, 'uri', address))
    case 'resources/templates/list':
      return withEach(result, 'resourceTemplates', (template) => renamed(template, 'uriTemplate', address))
    case 'resources/read':
      return withEach(result, 'contents', (part) => renamed(part, 'uri', address))
    case 'prompts/list':
      return withEach(result, 'prompts', (each) => renamed(each, 'name', prompt))
    case 'prompts/get':
      return withEach(result, 'messages', (message) =>
        isRecord(message) && Array.isArray(message['content'])
          ? withEach(message, 'content', content)
          : isRecord(message)
            ? { ...message, content: content(message['content']) }
            : message,
      )
    default:
      return result
  }
}

/** A notification as it is said on the merged endpoint: what was updated has the address it has there. */
export function mergedNotice(serverId: string, message: RpcMessage): RpcMessage {
  const params = message['params'] as { uri?: unknown } | undefined
  if (message['method'] !== 'notifications/resources/updated' || typeof params?.uri !== 'string') return message
  return { ...message, params: { ...params, uri: mergedAddress(serverId, params.uri) } }
}

/** A part of what a tool or a prompt says: a link to a resource, or one that is embedded. */
function mergedContent(part: unknown, address: (own: string) => string): unknown {
  if (!isRecord(part)) return part
  if (part['type'] === 'resource_link') return renamed(part, 'uri', address)
  if (part['type'] === 'resource') return withField(part, 'resource', (resource) => renamed(resource, 'uri', address))
  return part
}

function renamed<T>(item: T, key: string, name: (own: string) => string): T {
  if (!isRecord(item)) return item
  const own = item[key]
  return typeof own === 'string' ? { ...item, [key]: name(own) } : item
}

function withEach(fields: Fields, key: string, change: (item: unknown) => unknown): Fields {
  const items = fields[key]
  return Array.isArray(items) ? { ...fields, [key]: items.map(change) } : fields
}

function withField(fields: Fields, key: string, change: (value: Fields) => Fields): Fields {
  const value = fields[key]
  return isRecord(value) ? { ...fields, [key]: change(value) } : fields
}
