import cedar, { type DetailedError, type PolicyJson, type ValidationError } from '@cedar-policy/cedar-wasm/nodejs'
import type { PolicyProblem, PolicyWords } from '../schema/policy-sets.ts'
import { withCedar } from './engine.ts'
import { finished } from '#lib/core/gently.ts'
import { tooDeep } from './limits.ts'
import { Places } from './places.ts'
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

/** So many are enough to begin with. */
const problemsMax = 50
/** Type-checked in one go: some milliseconds each. */
const validatedAtOnce = 20

/** Parses a text, asks of each policy its words, and type-checks all of them: everything that is wrong at once, up to 50 problems, each at its place. */
export function checkPolicies(source: string, schema: string): CheckedPolicies {
  return finished(checkSteps(source, schema))
}

/** The same a few policies at a time, so that whoever has other things to do can do them in between. */
export function* checkSteps(source: string, schema: string): Generator<void, CheckedPolicies> {
  const policies: ParsedPolicy[] = []
  const problems: PolicyProblem[] = []
  const text: Text = { places: new Places(source) }
  const seen = new Set<string>()
  for (const piece of splitPolicies(source)) {
    if (problems.length >= problemsMax) break
    const deep = tooDeep(piece.text)
    if (deep) {
      const { offset, message, help } = deep
      problems.push({ policyId: null, ...text.places.at(piece.start + offset), message, help })
      continue
    }
    yield
    const parsed = withCedar(() => cedar.policyToJson(piece.text))
    if (parsed.type === 'failure') {
      const errors = parsed.errors.slice(0, problemsMax)
      problems.push(...errors.map((error) => problemAt(text, piece, { error, policyId: null })))
      continue
    }
    const words = wordsOf(parsed.json)
    const policyId = words.id || null
    const at = text.places.at(piece.start + keywordAt(piece.text))
    for (const message of annotationProblems(words, seen)) problems.push({ policyId, ...at, ...message })
    seen.add(words.id)
    policies.push({ ...piece, words, json: parsed.json, line: at.line })
  }
  if (problems.length > 0) return { policies, problems: problems.slice(0, problemsMax), warnings: [] }
  const warnings: PolicyProblem[] = []
  const byId = new Map(policies.map((policy) => [policy.words.id, policy]))
  for (let at = 0; at === 0 || at < policies.length; at += validatedAtOnce) {
    yield
    const part = policies.slice(at, at + validatedAtOnce)
    const staticPolicies = Object.fromEntries(part.map(({ words, text }) => [words.id, text]))
    const checked = withCedar(() => cedar.validate({ schema, policies: { staticPolicies } }))
    const placed = (found: ValidationError[]) =>
      found.slice(0, problemsMax).map((each) => problemAt(text, byId.get(each.policyId) ?? null, each))
    if (checked.type === 'success') {
      problems.push(...placed(checked.validationErrors))
      warnings.push(...placed(checked.validationWarnings))
    } else problems.push(...placed(checked.errors.map((error) => ({ error, policyId: '' }))))
    if (problems.length >= problemsMax) break
  }
  return { policies, problems: problems.slice(0, problemsMax), warnings: warnings.slice(0, problemsMax) }
}

type Text = { places: Places }

function wordsOf({ effect, annotations = {} }: PolicyJson): PolicyWords {
  const { id = '', title = '', explanation = '', remedy = '' } = annotations as Record<string, string | undefined>
  return { id, effect, title, explanation, remedy }
}

function problemAt(
  { places }: Text,
  piece: Piece | null,
  { error, policyId }: { error: DetailedError; policyId: string | null },
): PolicyProblem {
  const [location] = error.sourceLocations ?? []
  const within = location && piece ? charactersAt(piece.text, location.start) : 0
  const message = error.message.replace(/^failed to parse policy from string: /, '')
  const help = [error.help, location?.label].filter((text) => text).join('; ')
  return { policyId: policyId || null, ...places.at((piece?.start ?? 0) + within), message, help }
}

/** Cedar counts bytes. */
function charactersAt(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length
}

/** Where the policy itself begins, after its comments. */
function keywordAt(text: string): number {
  return /^(?:\s|\/\/[^\n]*\n)*/.exec(text)![0].length
}
