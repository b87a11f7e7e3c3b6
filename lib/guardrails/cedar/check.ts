import cedar, { type DetailedError, type PolicyJson, type ValidationError } from '@cedar-policy/cedar-wasm/nodejs'
import type { PolicyProblem, PolicyWords } from '../schema/policy-sets.ts'
import { type Piece, splitPolicies } from './split.ts'
import { annotationProblems } from './words.ts'

/** A policy that parses. */
export type ParsedPolicy = Piece & { words: PolicyWords; json: PolicyJson; line: number }

export type CheckedPolicies = {
  policies: ParsedPolicy[]
  /** Why it is no set of policies; empty when it is one. */
  problems: PolicyProblem[]
  warnings: PolicyProblem[]
}

/** Parses a text, asks of each policy its words, and type-checks all of them: everything that is wrong at once, each at its place. */
export function checkPolicies(source: string, schema: string): CheckedPolicies {
  const policies: ParsedPolicy[] = []
  const problems: PolicyProblem[] = []
  const seen = new Set<string>()
  for (const piece of splitPolicies(source)) {
    const parsed = cedar.policyToJson(piece.text)
    if (parsed.type === 'failure') {
      problems.push(...parsed.errors.map((error) => problemAt(source, piece, { error, policyId: null })))
      continue
    }
    const words = wordsOf(parsed.json)
    const policyId = words.id || null
    const at = place(source, piece.start + keywordAt(piece.text))
    for (const message of annotationProblems(words, seen)) problems.push({ policyId, ...at, ...message })
    seen.add(words.id)
    policies.push({ ...piece, words, json: parsed.json, line: at.line })
  }
  if (problems.length > 0) return { policies, problems, warnings: [] }
  const byId = new Map(policies.map((policy) => [policy.words.id, policy]))
  const staticPolicies = Object.fromEntries(policies.map(({ words, text }) => [words.id, text]))
  const checked = cedar.validate({ schema, policies: { staticPolicies } })
  if (checked.type === 'failure') {
    return {
      policies,
      problems: checked.errors.map((error) => problemAt(source, null, { error, policyId: null })),
      warnings: [],
    }
  }
  const placed = (found: ValidationError[]) =>
    found.map((each) => problemAt(source, byId.get(each.policyId) ?? null, each))
  return { policies, problems: placed(checked.validationErrors), warnings: placed(checked.validationWarnings) }
}

function wordsOf({ effect, annotations = {} }: PolicyJson): PolicyWords {
  const { id = '', title = '', explanation = '', remedy = '' } = annotations as Record<string, string | undefined>
  return { id, effect, title, explanation, remedy }
}

function problemAt(
  source: string,
  piece: Piece | null,
  { error, policyId }: { error: DetailedError; policyId: string | null },
): PolicyProblem {
  const [location] = error.sourceLocations ?? []
  const within = location && piece ? charactersAt(piece.text, location.start) : 0
  const message = error.message.replace(/^failed to parse policy from string: /, '')
  const help = [error.help, location?.label].filter((text) => text).join('; ')
  return { policyId, ...place(source, (piece?.start ?? 0) + within), message, help }
}

/** Cedar counts bytes. */
function charactersAt(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length
}

function place(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: offset - lineStart + 1 }
}

/** Where the policy itself begins, after its comments. */
function keywordAt(text: string): number {
  return /^(?:\s|\/\/[^\n]*\n)*/.exec(text)![0].length
}
