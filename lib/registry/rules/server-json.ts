import '#lib/core/input-words.ts'
import { isRecord } from '#lib/core/is-record.ts'
import { type JsonFault, jsonFault } from '#lib/core/json-fault.ts'
import { type Document, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { slugify } from '#lib/core/slug.ts'
import { exactVersion, keyValue, packageEntry, packageOption, type PackageRead } from './package-option.ts'

/** A way to reach a server that its `server.json` names; `problems` say why it cannot be taken as it is. */
export type ServerJsonOption =
  | PackageRead
  | {
      label: string
      problems: string[]
      transport: 'http'
      url: string
      credentialHeader: string | null
      /** Headers that no broker sends, and their values where the file fixes them. */
      leftOut: { name: string; value: string | null }[]
      /** Why no form is filled with it; null: what stands against it is mended there. */
      refusal: string | null
    }
export type ServerJsonError = { line: number; column: number; field: string; message: string }
export type ServerJson = {
  name: string
  version: string
  proposal: { id: string; name: string; description: string }
  options: ServerJsonOption[]
}

const bytesMax = 200_000
// The parts of the registry's schema of 2025-12-11 that say how a server is reached; the rest is not read.
const schema = z.looseObject({
  $schema: z.string().optional(),
  name: z
    .string('It needs a name such as io.github.owner/server.')
    .max(200)
    .regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/, 'Use a name such as io.github.owner/server.'),
  title: z.string().min(1).max(100).optional(),
  description: z.string('It needs a description.').min(1).max(1000),
  version: exactVersion,
  remotes: z
    .array(
      z.looseObject({
        type: z.enum(['streamable-http', 'sse'], 'Use streamable-http or sse.'),
        url: z.string().min(1).max(500),
        headers: z.array(keyValue).optional(),
        variables: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .optional(),
  packages: z.array(packageEntry).optional(),
})
type Remote = NonNullable<z.infer<typeof schema>['remotes']>[number]

/** Reads a `server.json` of the official MCP registry; every error names its line and its field. */
export function readServerJson(
  text: string,
): { ok: true; value: ServerJson } | { ok: false; errors: ServerJsonError[] } {
  if (text.length > bytesMax) return { ok: false, errors: [at(1, 1, '', `Use at most ${bytesMax} characters.`)] }
  const json = readJson(text)
  if (!json.ok) return json
  const { document, place, value: raw } = json
  // Answers of the registry wrap the file.
  const isWrapped = isRecord(raw) && !('name' in raw) && isRecord(raw['server'])
  const parsed = schema.safeParse(isWrapped ? raw['server'] : raw)
  if (!parsed.success) {
    return {
      ok: false,
      errors: parsed.error.issues.map((issue) => {
        const path = [
          ...(isWrapped ? ['server'] : []),
          ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part)),
        ]
        const { line, col } = place(offsetOf(document, path))
        return at(line, col, fieldOf(path), issue.message)
      }),
    }
  }
  const { name, title, description, version, remotes = [], packages = [] } = parsed.data
  const options = [...remotes.map(remoteOption), ...packages.map(packageOption)]
  if (options.length === 0) {
    return {
      ok: false,
      errors: [at(1, 1, 'remotes', 'It names neither remotes nor packages: there is nothing to reach.')],
    }
  }
  const short = name.split('/')[1]!
  const proposal = { id: slugify(short), name: (title ?? short).slice(0, 100), description: oneLineOf(description) }
  return { ok: true, value: { name, version, proposal, options } }
}

type Place = (offset: number | undefined) => { line: number; col: number }
type Read = { ok: true; value: unknown; document: Document; place: Place }

/** JSON is YAML, so the reader of YAML tells where things stand; what is no JSON is told in the words of JSON. */
function readJson(given: string): Read | { ok: false; errors: ServerJsonError[] } {
  const text = given.replace(/^\uFEFF/, '')
  const tooDeep = { line: 1, column: 1, message: 'It is nested too deeply.' }
  const refused = ({ line, column, message }: JsonFault) => ({
    ok: false as const,
    errors: [at(line, column, '', message)],
  })
  try {
    const value: unknown = JSON.parse(text)
    const lines = new LineCounter()
    const document = parseDocument(text, { lineCounter: lines, schema: 'json', prettyErrors: false, uniqueKeys: true })
    const place = (offset: number | undefined) => lines.linePos(offset ?? 0)
    const twice = document.errors.find(({ code }) => code === 'DUPLICATE_KEY')
    if (!twice) return { ok: true, value, document, place }
    const { line, col } = place(twice.pos[0])
    return refused({ line, column: col, message: 'This name is given twice: keep one.' })
  } catch (error) {
    if (error instanceof SyntaxError) return refused(jsonFault(text) ?? tooDeep)
    if (error instanceof RangeError) return refused(tooDeep)
    throw error
  }
}

function remoteOption({ type, url, headers = [] }: Remote): ServerJsonOption {
  const open = url.match(/\{[^}]+\}/g) ?? []
  const [needed, others] = [headers.filter(isNeeded), headers.filter((header) => !isNeeded(header))]
  const final = [
    ...(type === 'sse' ? ['The broker speaks Streamable HTTP, not the older SSE transport.'] : []),
    ...(open.length === 0 && !isHttp(url) ? ['The address is no http or https address.'] : []),
    ...(needed.length > 1
      ? [`It needs several headers (${needed.map(({ name }) => name).join(', ')}); one can be set.`]
      : []),
  ]
  return {
    label: `${type} at ${url}`,
    transport: 'http',
    url,
    problems: [...final, ...(open.length > 0 ? [`Fill in ${open.join(', ')} in the address.`] : [])],
    credentialHeader: needed[0]?.name ?? null,
    leftOut: others.map(({ name, value = null }) => ({ name, value })),
    refusal: final.length > 0 ? final.join(' ') : null,
  }
}

function isNeeded({ isSecret, isRequired }: { isSecret?: boolean | undefined; isRequired?: boolean | undefined }) {
  return isSecret === true || isRequired === true
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:/.test(url)
}

/** Where the deepest part of the path that exists begins. */
function offsetOf(document: Document, path: readonly (string | number)[]): number | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined
    if (node?.range) return node.range[0]
  }
  return undefined
}

function fieldOf(path: readonly (string | number)[]): string {
  return path.join('.')
}

function oneLineOf(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 1000)
}

function at(line: number, column: number, field: string, message: string): ServerJsonError {
  return { line, column, field, message }
}
