/** A JSON schema that is no boolean; its keywords by name. */
export type Schema = Record<string, unknown>

/** Keywords that are only for readers: their texts are looked at by themselves. */
export const wordings: ReadonlySet<string> = new Set([
  ...['title', 'description', '$comment', 'examples', 'example', 'deprecated', '$schema', '$id'],
])
/** Keywords whose value is a map of schemas by names that anybody chose, so a name in it is no keyword. */
const maps = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'])
/** Keywords whose value is data. */
const data = new Set(['enum', 'const', 'default', 'examples', 'example', 'required'])
/** More parts than any real tool has; references within references would multiply without end. */
const partsMax = 10_000

export type Dereferenced = {
  schema: unknown
  /** It refers to something that is not found by a plain pointer into itself. */
  unresolved: boolean
}

/**
 * A schema with what it refers to inside itself put in place, so that moving a part changes nothing. A circle stays a reference. Null when
 * that would not end.
 */
export function dereferenced(root: unknown): Dereferenced | null {
  let parts = 0
  let unresolved = false
  const resolve = (node: unknown, seen: readonly string[]): unknown => {
    parts += 1
    if (parts > partsMax) return undefined
    if (Array.isArray(node)) return node.map((item) => resolve(item, seen))
    if (typeof node !== 'object' || node === null) return node
    const { $ref, ...rest } = node as Schema
    if (typeof $ref === 'string') {
      const target = seen.includes($ref) ? undefined : asSchema(targetOf(root, $ref))
      if (target) return resolve({ ...target, ...rest }, [...seen, $ref])
      if (!seen.includes($ref)) unresolved = true
    }
    return mapKeywords(node as Schema, (part) => resolve(part, seen), { definitions: false })
  }
  const schema = resolve(root, [])
  return parts > partsMax ? null : { schema, unresolved }
}

/** A schema without what is only for readers; properties that happen to have such a name stay. */
export function withoutWording(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutWording)
  if (typeof node !== 'object' || node === null) return node
  const kept = Object.fromEntries(Object.entries(node).filter(([keyword]) => !wordings.has(keyword)))
  return mapKeywords(kept, withoutWording, { definitions: true })
}

function mapKeywords(schema: Schema, map: (part: unknown) => unknown, keep: { definitions: boolean }): Schema {
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => keep.definitions || (keyword !== '$defs' && keyword !== 'definitions'))
      .map(([keyword, value]) => {
        if (data.has(keyword)) return [keyword, value]
        const named = maps.has(keyword) ? asSchema(value) : null
        if (!named) return [keyword, map(value)]
        return [keyword, Object.fromEntries(Object.entries(named).map(([name, part]) => [name, map(part)]))]
      }),
  )
}

/** What a reference into the same document (RFC 6901) points to. */
function targetOf(root: unknown, ref: string): unknown {
  if (!ref.startsWith('#/')) return undefined
  const names = ref
    .slice(2)
    .split('/')
    .map((name) => decoded(name).replaceAll('~1', '/').replaceAll('~0', '~'))
  return names.reduce<unknown>((node, name) => {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, name)) return undefined
    return (node as Record<string, unknown>)[name]
  }, root)
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Null for what is no schema; `true` admits everything, as the empty one does. */
export function asSchema(value: unknown): Schema | null {
  if (value === true) return {}
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : null
}

/** A name as part of a JSON pointer. */
export function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
