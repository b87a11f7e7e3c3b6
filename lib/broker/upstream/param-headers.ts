import { isRecord } from '#lib/core/is-record.ts'
import { declaredHeaders, isToken } from '#lib/registry/rules/sound-headers.ts'

type Declaration = { header: string; path: readonly string[] }

const declared = new WeakMap<object, readonly Declaration[]>()

/**
 * The `Mcp-Param-*` headers a call needs by the tool's `x-mcp-header` declarations (MCP 2026-07-28): arguments that proxies in front of the
 * server may read. Only properties reachable through `properties` count.
 */
export function paramHeaders(inputSchema: unknown, argumentsOfCall: unknown): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const { header, path } of declarationsOf(inputSchema)) {
    const value = valueAt(argumentsOfCall, path)
    if (typeof value === 'string' || typeof value === 'boolean')
      headers[`mcp-param-${header}`] = headerValue(String(value))
    else if (typeof value === 'number' && Number.isFinite(value)) headers[`mcp-param-${header}`] = String(value)
  }
  return headers
}

/** Where the headers of a call do not say what its arguments say; null when they agree. Header names as Node gives them, in lower case. */
export function paramDisagreement(
  inputSchema: unknown,
  argumentsOfCall: unknown,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): { header: string; body: string } | null {
  for (const { header, path } of declarationsOf(inputSchema)) {
    const value = valueAt(argumentsOfCall, path)
    if (typeof value !== 'string' && typeof value !== 'boolean' && typeof value !== 'number') continue
    const name = `Mcp-Param-${header}`
    const given = headers[name.toLowerCase()]
    const said = `the body carries ${path.join('.')}=${JSON.stringify(value)}`
    if (typeof given !== 'string') return { header: '(missing)', body: `${said} and the ${name} header is absent` }
    const decoded = decodeHeaderValue(given.trim())
    const agrees =
      typeof value === 'number'
        ? decoded !== null && decoded.trim() !== '' && Number(decoded) === value
        : decoded === String(value)
    if (!agrees) return { header: given, body: `${said} and the ${name} header another value` }
  }
  return null
}

function declarationsOf(inputSchema: unknown): readonly Declaration[] {
  if (typeof inputSchema !== 'object' || inputSchema === null) return []
  let declarations = declared.get(inputSchema)
  if (!declarations) declared.set(inputSchema, (declarations = findDeclarations(inputSchema, [])))
  return declarations
}

function valueAt(argumentsOfCall: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (isRecord(node) ? node[key] : undefined), argumentsOfCall)
}

/** Plain when a header can carry it, else base64 of its UTF-8 between the marks the specification gives. */
export function headerValue(text: string): string {
  const plain = /^[\x21-\x7E](?:[\x20-\x7E]*[\x21-\x7E])?$/.test(text) && !text.startsWith('=?base64?')
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}

/** Null for a marked value that is not base64 of UTF-8. */
export function decodeHeaderValue(value: string): string | null {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1]
  if (encoded === undefined) return value
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64'))
  } catch {
    return null
  }
}

function findDeclarations(schema: object, path: readonly string[]): Declaration[] {
  return declaredHeaders(schema, path).flatMap(({ header, path }) => (isToken(header) ? [{ header, path }] : []))
}
