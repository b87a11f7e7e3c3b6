import { isRecord } from '#lib/core/is-record.ts'

/**
 * Whether a tool may be used as far as its `x-mcp-header` declarations go: each names a header of its own, whatever its case, for a string,
 * an integer or a boolean. MCP 2026-07-28 has clients leave out a tool that breaks this, and only that tool.
 */
export function hasSoundHeaders(inputSchema: unknown): boolean {
  const all = isRecord(inputSchema) ? declaredHeaders(inputSchema, []) : []
  const names = all.map(({ header }) => String(header).toLowerCase())
  return (
    all.every(({ header, type }) => isToken(header) && typeof type === 'string' && primitive.has(type)) &&
    new Set(names).size === names.length
  )
}

const primitive = new Set(['string', 'integer', 'boolean'])

type Annotated = { header: unknown; type: unknown; path: readonly string[] }

/** What a schema declares as headers of a call, sound or not (`x-mcp-header`). Only properties reachable through `properties` count. */
export function declaredHeaders(schema: object, path: readonly string[]): Annotated[] {
  const properties = (schema as { properties?: unknown }).properties
  if (!isRecord(properties)) return []
  return Object.entries(properties).flatMap(([key, property]) => {
    if (!isRecord(property)) return []
    const here = [...path, key]
    const own =
      'x-mcp-header' in property ? [{ header: property['x-mcp-header'], type: property['type'], path: here }] : []
    return [...own, ...declaredHeaders(property, here)]
  })
}

/** A token of RFC 9110. */
export function isToken(header: unknown): header is string {
  return typeof header === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(header)
}
