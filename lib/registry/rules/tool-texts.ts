import { pointer } from './schema-walk.ts'

/** A text of a definition and where it stands. */
export type ToolText = { path: string; text: string }

/** Of a text and of all texts this much is looked at, and of a definition this many texts; no real tool has more. */
const lengthMax = 20_000
const totalMax = 24_000
const textsMax = 4000

/**
 * Every text of a tool's definition that may reach a model: titles, descriptions, names of properties, values of enums, defaults, examples,
 * whatever a server puts anywhere. `complete` is false when there is more than is looked at.
 */
export function textsOf(definition: Record<string, unknown>): { texts: ToolText[]; complete: boolean } {
  const texts: ToolText[] = []
  let complete = true
  let left = totalMax
  const add = (path: string, text: string) => {
    const lookedAt = texts.length < textsMax ? text.slice(0, Math.min(lengthMax, left)) : ''
    if (lookedAt.length < text.length) complete = false
    left -= lookedAt.length
    if (lookedAt !== '') texts.push({ path, text: lookedAt })
  }
  const walk = (node: unknown, path: string): void => {
    if (typeof node === 'string') return add(path, node)
    if (typeof node !== 'object' || node === null) return
    for (const [key, part] of Object.entries(node)) {
      // Which revision of JSON Schema it is says nothing to a model.
      if (key === '$schema' && typeof part === 'string' && dialect.test(part)) continue
      const at = `${path}/${pointer(key)}`
      if (!Array.isArray(node) && !keywords.has(key)) add(`${at} (name)`, key)
      walk(part, at)
    }
  }
  const { name: _, ...rest } = definition
  walk(rest, '')
  return { texts, complete }
}

// The published dialects of JSON Schema, by the identifiers they give themselves: any other address is looked at.
const dialect = /^https?:\/\/json-schema\.org\/(?:draft-0[3-7]|draft\/(?:2019-09|2020-12))\/schema#?$/

/** Names that everybody uses: they say nothing. */
const keywords = new Set(
  (
    'title description inputSchema outputSchema annotations type properties required items enum const default examples format pattern minimum maximum ' +
    'exclusiveMinimum exclusiveMaximum minLength maxLength minItems maxItems uniqueItems additionalProperties anyOf oneOf allOf not $ref $defs definitions ' +
    'readOnlyHint destructiveHint idempotentHint openWorldHint $schema $id $comment multipleOf patternProperties propertyNames prefixItems'
  ).split(' '),
)
