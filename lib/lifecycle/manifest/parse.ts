import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
} from 'yaml'
import type { Document, YAMLMap } from 'yaml'
import { z } from 'zod'
import { agentSlug } from '#lib/core/slug.ts'
import { agentLayer, agentStatuses, inheritedGuardrails, oneLine, tiers, toolClasses } from '#lib/registry/schema.ts'
import { conditionProblem } from '#lib/registry/rules/conditions.ts'
import { argumentConditions, callRate } from '#lib/registry/schema/conditions.ts'
import type { ManifestProblem } from '../schema.ts'
import { type ManifestFields, type ManifestScope } from './document.ts'
import { timeText } from '#lib/core/instant.ts'

export type Place = { line: number; column: number }

/** One document: what it says, and where. Keys that it leaves out are left as they are. */
export type ParsedManifest = {
  id: string
  at: Place
  fields: Partial<ManifestFields>
  /** Where each key of `fields` stands. */
  places: Partial<Record<keyof ManifestFields, Place>>
}

/** The largest file, in characters. */
export const manifestCharactersMax = 2_000_000
/**
 * The most agents one text may hold, and how long its one transaction may last, since it holds their rows so long: a new agent was measured at 30
 * to 90 ms. With every core busy, when it was 150 ms, a full text of new agents is not taken, and fewer at a time are.
 */
export const manifestAgentsMax = 1000
export const manifestTimeoutMs = 120_000

/** Reads one or many documents, strictly: every problem with its line, and nothing is guessed. */
export function parseManifests(text: string): { manifests: ParsedManifest[]; problems: ManifestProblem[] } {
  if (text.length > manifestCharactersMax) {
    return refused(`The file has more than ${manifestCharactersMax} characters.`)
  }
  const lines = new LineCounter()
  const documents = parseYaml(text, lines)
  if (documents === null) return refused('The file is nested too deeply.')
  const filled = documents.filter(({ contents, errors }) => !isEmpty(contents) || errors.length > 0)
  if (filled.length === 0) return refused('The file holds no agent.')
  if (filled.length > manifestAgentsMax) {
    return refused(
      `The file holds ${filled.length} agents. At most ${manifestAgentsMax} are applied together: split it at its --- lines and apply the parts one after the other; with a set, give each part a label of its own, because pruning retires what a part does not hold.`,
    )
  }
  const readers = filled.map((document) => new DocumentReader(document, lines))
  const manifests = readers.flatMap((reader) => reader.read() ?? [])
  return { manifests, problems: [...readers.flatMap(({ problems }) => problems), ...duplicates(manifests)] }
}

function parseYaml(text: string, lineCounter: LineCounter): Document.Parsed[] | null {
  try {
    const options = { lineCounter, version: '1.2', schema: 'core', prettyErrors: false, logLevel: 'silent' } as const
    const parsed = parseAllDocuments(text, options)
    return 'empty' in parsed ? [] : parsed
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** A document of nothing but comments, as after a last `---`. */
function isEmpty(contents: Document.Parsed['contents']): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && !contents.source)
}

function refused(message: string): { manifests: []; problems: ManifestProblem[] } {
  return { manifests: [], problems: [{ line: 1, column: 1, id: null, message }] }
}

function duplicates(manifests: readonly ParsedManifest[]): ManifestProblem[] {
  const first = new Map<string, ParsedManifest>()
  return manifests.flatMap((manifest) => {
    const before = first.get(manifest.id)
    if (!before) first.set(manifest.id, manifest)
    const at = manifest.places.id ?? manifest.at
    return before
      ? [{ ...at, id: manifest.id, message: `${manifest.id} is in this file twice; first in line ${before.at.line}.` }]
      : []
  })
}

const budget = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,6})?$/, 'Write dollars with at most six decimals, such as 25 or 12.50.')
  .transform((text) => {
    const [whole = '0', decimals = ''] = text.split('.')
    return BigInt(whole) * 1_000_000n + BigInt(decimals.padEnd(6, '0'))
  })

const scopeItem = z.union([
  z.enum(toolClasses),
  z.strictObject({
    class: z.enum(toolClasses),
    tool: oneLine(200).min(1).optional(),
    until: timeText({ precision: 3 }).optional(),
    conditions: argumentConditions.optional(),
    rate: callRate.optional(),
  }),
])

/** The keys of a manifest, the field each fills and what it may hold. */
const keys = {
  id: ['id', agentSlug],
  name: ['name', oneLine(100).min(1)],
  owner: ['owner', oneLine(100).min(1)],
  accountable: ['accountable', oneLine(320).min(1)],
  purpose: ['purpose', oneLine(500).min(1)],
  tier: ['tier', z.enum(tiers)],
  template: ['template', z.string().regex(/^[a-z][a-z0-9-]*@\S{1,50}$/, 'Write template@version.')],
  parameters: ['parameters', agentLayer.shape.parameters],
  prompt: ['prompt', agentLayer.shape.prompt],
  mcp_scopes: ['scopes', z.unknown()],
  schedule: ['schedule', oneLine(100).min(1).nullable()],
  schedule_enabled: ['scheduleEnabled', z.boolean()],
  monthly_budget_usd: ['monthlyBudgetMicros', budget.nullable()],
  guardrails: [null, z.unknown()],
  status: ['status', z.enum(agentStatuses)],
  last_reviewed: ['lastReviewed', z.iso.date().nullable()],
  monthly_runs: ['monthlyRuns', z.int().min(0)],
  escalation_rate: ['escalationRate', z.number().min(0).max(1).nullable()],
} as const satisfies Record<string, readonly [keyof ManifestFields | null, z.ZodType]>

class DocumentReader {
  readonly problems: ManifestProblem[] = []
  readonly #document: Document.Parsed
  readonly #lines: LineCounter
  #id: string | null = null

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.#document = document
    this.#lines = lines
  }

  read(): ParsedManifest | null {
    const { contents, errors, warnings } = this.#document
    for (const { message, pos } of [...errors, ...warnings]) this.#problem(pos[0], message)
    if (this.problems.length > 0) return null
    if (!isMap(contents)) {
      this.#problem(contents?.range?.[0] ?? 0, 'An agent is a mapping of keys to values, beginning with id.')
      return null
    }
    this.#refuseReferences()
    return this.#readMap(contents)
  }

  #readMap(map: YAMLMap): ParsedManifest | null {
    const fields: Record<string, unknown> = {}
    const places: ParsedManifest['places'] = {}
    const at = this.#place(map.range?.[0] ?? 0)
    const idNode = map.get('id', true)
    if (idNode && typeof idNode.value === 'string') this.#id = idNode.value
    for (const pair of map.items) {
      const name = isScalar(pair.key) ? pair.key.value : null
      const offset = offsetOf(pair.key)
      if (typeof name !== 'string' || !Object.hasOwn(keys, name)) {
        this.#problem(offset, `There is no key ${JSON.stringify(name)}. There are: ${Object.keys(keys).join(', ')}.`)
        continue
      }
      const [field] = keys[name as keyof typeof keys]
      const value = this.#readValue(name as keyof typeof keys, pair)
      if (field === null || value === undefined) continue
      fields[field] = value
      places[field] = this.#place(offset)
    }
    if (!map.has('id')) this.#problem(map.range?.[0] ?? 0, 'The key id is missing: every agent has one.')
    if (this.problems.length > 0 || this.#id === null) return null
    return { id: this.#id, at, fields, places }
  }

  #readValue(name: keyof typeof keys, pair: Pair): unknown {
    const node = isNode(pair.value) ? pair.value : null
    const offset = node ? offsetOf(node) : offsetOf(pair.key)
    if (name === 'guardrails') {
      if (isScalar(node) && node.value === inheritedGuardrails) return undefined
      this.#problem(
        offset,
        `guardrails are inherited and cannot be set: leave the key out or write "${inheritedGuardrails}".`,
      )
      return undefined
    }
    if (name === 'mcp_scopes') return this.#readScopes(node, offset)
    // A budget is read as it is written, because a binary fraction is not a decimal one.
    const raw = name === 'monthly_budget_usd' && isScalar(node) && node.value !== null ? node.source : toJs(node)
    const parsed = keys[name][1].safeParse(raw)
    if (parsed.success) return parsed.data
    for (const issue of parsed.error.issues) {
      const path = [name, ...issue.path].join('.')
      const nested = this.#nodeAt(node, issue.path)
      this.#problem(nested ? offsetOf(nested) : offset, `${path}: ${sayIssue(name, raw, issue.message)}`)
    }
    return undefined
  }

  #readScopes(node: Node | null, offset: number): ManifestScope[] | undefined {
    if (!isMap(node)) {
      this.#problem(offset, 'mcp_scopes maps each server to a list of classes, such as "erp: [read]".')
      return undefined
    }
    const scopes: ManifestScope[] = []
    for (const { key, value } of node.items) {
      const serverId = isScalar(key) && typeof key.value === 'string' ? key.value : null
      if (serverId === null || !isSeq(value)) {
        this.#problem(offsetOf(key), 'mcp_scopes maps each server to a list of classes, such as "erp: [read]".')
        continue
      }
      for (const item of value.items) {
        const parsed = scopeItem.safeParse(toJs(item))
        if (!parsed.success) {
          const classes = toolClasses.join(', ')
          const message = `mcp_scopes.${serverId}: write ${classes}, or { class, tool, until, conditions, rate } with until as 2026-12-31T00:00:00.000Z${sayLimit(parsed.error)}.`
          this.#problem(offsetOf(item), message)
          continue
        }
        const scope = typeof parsed.data === 'string' ? { class: parsed.data } : parsed.data
        scopes.push({
          serverId,
          class: scope.class,
          toolName: ('tool' in scope ? scope.tool : undefined) ?? null,
          until: ('until' in scope ? scope.until : undefined) ?? null,
          conditions: ('conditions' in scope ? scope.conditions : undefined) ?? [],
          rate: ('rate' in scope ? scope.rate : undefined) ?? null,
        })
        const problem = scopes.at(-1)?.conditions.map(conditionProblem).find(Boolean)
        if (problem) this.#problem(offsetOf(item), `mcp_scopes.${serverId}: ${problem}`)
      }
    }
    return scopes
  }

  /** Anchors and aliases can make cycles and files that explode; a manifest needs neither. */
  #refuseReferences(): void {
    visit(this.#document, {
      Node: (_, node) => {
        if (isAlias(node)) this.#problem(offsetOf(node), 'A manifest has no references (*name).')
        else if (node.anchor) this.#problem(offsetOf(node), 'A manifest has no anchors (&name).')
      },
    })
  }

  #nodeAt(node: Node | null, path: readonly PropertyKey[]): Node | null {
    const found = isMap(node) && path.length > 0 ? node.get(path[0], true) : null
    return isNode(found) ? found : null
  }

  #problem(offset: number, message: string): void {
    this.problems.push({ ...this.#place(offset), id: this.#id, message })
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

function offsetOf(node: unknown): number {
  return (isNode(node) ? node.range?.[0] : undefined) ?? 0
}

function toJs(node: unknown): unknown {
  if (isScalar(node)) return node.value
  if (isSeq(node)) return node.items.map(toJs)
  if (!isMap(node)) return null
  return Object.fromEntries(node.items.map(({ key, value }) => [String(isScalar(key) ? key.value : key), toJs(value)]))
}

function sayIssue(name: keyof typeof keys, raw: unknown, message: string): string {
  const lower = name === 'id' && typeof raw === 'string' ? raw.toLowerCase() : raw
  if (typeof lower === 'string' && lower !== raw && agentSlug.safeParse(lower).success) {
    return `ids are lower-case, so that none differ only by case: write ${lower}.`
  }
  return message
}

/** What is wrong within conditions or a rate, as the end of a sentence. */
function sayLimit(error: z.ZodError): string {
  const nested = error.issues.flatMap((issue) => (issue.code === 'invalid_union' ? issue.errors.flat() : [issue]))
  const limit = nested.find(({ path }) => path[0] === 'conditions' || path[0] === 'rate')
  return limit ? `; ${limit.path.join('.')}: ${limit.message.replace(/\.$/, '')}` : ''
}
