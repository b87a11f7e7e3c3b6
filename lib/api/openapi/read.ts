import type { oas31 } from 'zod-openapi'
import type { OpenApiDocument } from '../openapi.ts'

/** One operation of the document, for the reference. */
export type OperationView = {
  /** Its place in the table of endpoints: `agents.list`. */
  id: string
  topic: string
  method: string
  path: string
  summary: string
  permission: string | null
  operation: oas31.OperationObject
}

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const

/** Every operation, in the order of their paths. */
export function operationsOf(document: OpenApiDocument): OperationView[] {
  const paths = Object.entries(document.paths ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return paths.flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method]
      if (!operation) return []
      const permission: unknown = operation['x-permission']
      return [
        {
          id: operation.operationId ?? '',
          topic: operation.tags?.[0] ?? '',
          method: method.toUpperCase(),
          path,
          summary: operation.summary ?? '',
          permission: typeof permission === 'string' ? permission : null,
          operation,
        },
      ]
    }),
  )
}

/** A longer body is written over several lines. */
const lineMax = 80

type Example = { path?: Record<string, string>; query?: Record<string, string> }

/** How the operation is called with curl, with the example of its contract. */
export function curlOf({ method, path, operation }: OperationView): string {
  const example = (operation['x-example'] ?? {}) as Example
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(example.path?.[name] ?? name))
  const search = new URLSearchParams(example.query).toString()
  const body = bodyOf(operation)
  return [
    `curl${method === 'GET' || (method === 'POST' && body) ? '' : ` -X ${method}`} -H "Authorization: Bearer $WHEELHOUSE_TOKEN"`,
    ...(body ? [`-H 'Content-Type: ${body.media}'`, `-d '${body.text.replaceAll("'", String.raw`'\''`)}'`] : []),
    `"$WHEELHOUSE_URL${filled}${search && `?${search}`}"`,
  ].join(' \\\n  ')
}

function bodyOf({ requestBody }: oas31.OperationObject): { media: string; text: string } | null {
  if (!requestBody || !('content' in requestBody)) return null
  const [media, content] = Object.entries(requestBody.content)[0] ?? []
  if (!media || !content) return null
  const example: unknown = content.example
  const line = JSON.stringify(example)
  if (typeof example === 'string') return { media, text: example }
  return { media, text: line.length <= lineMax ? line : JSON.stringify(example, null, 2) }
}
