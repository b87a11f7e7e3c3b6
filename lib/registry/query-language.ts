import { err, ok, type Result } from '#lib/core/result.ts'
import { agentStatuses, environments, tiers, toolClasses } from './schema.ts'

/** The qualifiers of the catalog's search, with the values they take (null: any id). */
export const qualifiers = {
  can: toolClasses,
  env: environments,
  server: null,
  owner: null,
  status: agentStatuses,
  tier: tiers,
  template: null,
} as const satisfies Record<string, readonly string[] | null>
export type Qualifier = keyof typeof qualifiers

/** Must hold for an agent to match; `values` are alternatives. `can`, `env` and `server` together describe one grant. */
export type Clause = { key: Qualifier; values: string[] }
/** All clauses and all words must hold; a word is looked for in id, name and purpose, whatever its case. */
export type AgentFilter = { clauses: Clause[]; words: string[] }
/** `column` counts UTF-16 units from 1, as a text box does. */
export type QueryError = { message: string; column: number; suggestion: string | null }

/** Parses `can:write env:production owner:"finance" free text`. Commas in a value mean any of; quotes keep spaces and colons. */
export function parseAgentQuery(text: string): Result<AgentFilter, QueryError> {
  const filter: AgentFilter = { clauses: [], words: [] }
  for (let at = 0; at < text.length;) {
    if (/\s/.test(text.charAt(at))) {
      at += 1
      continue
    }
    const token = readToken(text, at)
    if (!token.ok) return token
    const { key, value, valueAt, end } = token.value
    const added = key === null ? addWord(filter, value) : addClause(filter, { key, value, at, valueAt })
    if (!added.ok) return added
    at = end
  }
  return ok(filter)
}

/** The text that parses to this filter again. */
export function formatAgentQuery(filter: AgentFilter): string {
  const clauses = filter.clauses.map(({ key, values }) => `${key}:${values.map(quoteValue).join(',')}`)
  return [...clauses, ...filter.words.map(quoteWord)].join(' ')
}

/** Alternatives of one qualifier given outside of a query (`?status=active,suspended`). */
export function parseClause(key: Qualifier, value: string): Result<Clause, QueryError> {
  const values = splitAlternatives(value)
  if (values.length === 0) return fail(`${key}: has no value.`, 1)
  const allowed: readonly string[] | null = qualifiers[key]
  const wrong = allowed && values.find((candidate) => !allowed.includes(candidate))
  if (!allowed || wrong === undefined || wrong === null) return ok({ key, values })
  return fail(`${key}: does not know "${wrong}". It takes ${allowed.join(', ')}.`, 1, nearest(wrong, allowed))
}

type Token = { key: string | null; value: string; valueAt: number; end: number }

/** One word, quoted phrase or `key:value`; within a value, quotes may surround each alternative. */
function readToken(text: string, start: number): Result<Token, QueryError> {
  const key = /^[A-Za-z_-]+(?=:)/.exec(text.slice(start))?.[0] ?? null
  const valueAt = key === null ? start : start + key.length + 1
  let end = valueAt
  while (end < text.length && !/\s/.test(text.charAt(end))) {
    if (text.charAt(end) !== '"') {
      end += 1
      continue
    }
    const close = closingQuote(text, end)
    if (close < 0) return fail('A quote is opened here and never closed.', end + 1)
    end = close + 1
  }
  return ok({ key: key?.toLowerCase() ?? null, value: text.slice(valueAt, end), valueAt, end })
}

function closingQuote(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at += 1) {
    if (text.charAt(at) === '\\') at += 1
    else if (text.charAt(at) === '"') return at
  }
  return -1
}

function addWord(filter: AgentFilter, raw: string): Result<null, QueryError> {
  const word = unquote(raw).toLowerCase()
  if (word.trim() !== '') filter.words.push(word)
  return ok(null)
}

function addClause(
  filter: AgentFilter,
  token: { key: string; value: string; at: number; valueAt: number },
): Result<null, QueryError> {
  const key = token.key
  if (!isQualifier(key)) {
    const known = Object.keys(qualifiers)
    const message = `There is no qualifier "${key}:". There are ${known.map((name) => `${name}:`).join(' ')}; put text with a colon in quotes.`
    return fail(message, token.at + 1, nearest(key, known))
  }
  if (filter.clauses.some((clause) => clause.key === key)) {
    return fail(`${key}: is given twice. For any of several write ${key}:a,b.`, token.at + 1)
  }
  const clause = parseClause(key, token.value)
  if (!clause.ok) return fail(clause.error.message, token.valueAt + 1, clause.error.suggestion)
  filter.clauses.push(clause.value)
  return ok(null)
}

function isQualifier(key: string): key is Qualifier {
  return Object.hasOwn(qualifiers, key)
}

/** Splits at commas outside of quotes; values are compared in lower case. */
function splitAlternatives(value: string): string[] {
  const parts = value.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/gs) ?? []
  return [...new Set(parts.map((part) => unquote(part).trim().toLowerCase()).filter(Boolean))]
}

function unquote(raw: string): string {
  return raw.replace(/"((?:\\.|[^"\\])*)"/gs, (_, inner: string) => inner.replace(/\\(.)/gs, '$1'))
}

function quoteValue(value: string): string {
  return /[\s",\\]/.test(value) ? quote(value) : value
}

function quoteWord(word: string): string {
  return /[\s"\\:]/.test(word) ? quote(word) : word
}

function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

function fail(message: string, column: number, suggestion: string | null = null): { ok: false; error: QueryError } {
  return err({ message, column, suggestion })
}

/** The closest known word within two edits, for "did you mean". */
function nearest(word: string, known: readonly string[]): string | null {
  const best = known
    .map((candidate) => ({ candidate, edits: editDistance(word, candidate) }))
    .toSorted((a, b) => a.edits - b.edits)[0]
  return best && best.edits <= 2 ? best.candidate : null
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, left] of Array.from(a).entries()) {
    const next = [i + 1]
    for (const [j, right] of Array.from(b).entries()) {
      const substituted = (row[j] ?? 0) + (left === right ? 0 : 1)
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
