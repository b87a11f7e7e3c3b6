import cedar, { type PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { ParsedPolicy } from './check.ts'
import { withCedar } from './engine.ts'
import type { CedarRequest } from './request.ts'
import { sliceFactsOf, testsOf } from './slice.ts'

/** So few are asked together: parsing a part of them would take longer than it saves. */
const wholeMax = 40
/** Parts of a set that are kept parsed. */
const partsMax = 512
/** Parsing a policy takes about as long as evaluating ten (bench/policies.ts). */
const parsingPerEvaluation = 10

/** Parsed in one go, and asked in one go: some milliseconds. */
const chunkMax = 128

type Source = { policies: readonly ParsedPolicy[]; schema: string }

/** Parses a set a part at a time, so that whoever has other things to do can do them in between. */
export function* parseSteps(name: string, { policies, schema }: Source): Generator<void, ParsedPolicies> {
  // What is parsed stays with the thread under a name, so one text has one.
  expectParsed(withCedar(() => cedar.preparseSchema(name, schema)))
  const whole: string[] = []
  for (let at = 0; at === 0 || at < policies.length; at += chunkMax) {
    const chunk = `${name}/all-${whole.length}`
    parse(chunk, policies.slice(at, at + chunkMax))
    whole.push(chunk)
    yield
  }
  const tests = policies.length > wholeMax ? policies.map(({ json }) => testsOf(json)) : []
  return new ParsedPolicies(name, { policies, tests, whole })
}

type Parsed = {
  policies: readonly ParsedPolicy[]
  tests: readonly ReturnType<typeof testsOf>[]
  whole: readonly string[]
}

/**
 * A set of policies as Cedar has it parsed. Of a large set Cedar is given only the policies that can concern a request, told apart by scope and plain attributes:
 * parts of it are parsed as they are asked for.
 */
export class ParsedPolicies {
  readonly #name: string
  readonly #policies: readonly ParsedPolicy[]
  readonly #tests: Parsed['tests']
  /** All of it, in chunks. */
  readonly #whole: readonly string[]
  /** The name of a parsed part, by the policies in it; the oldest first. */
  readonly #parts = new Map<string, string>()
  /** Large parts that were asked for once. */
  readonly #seen = new Set<string>()

  constructor(name: string, { policies, tests, whole }: Parsed) {
    this.#name = name
    this.#policies = policies
    this.#tests = tests
    this.#whole = whole
  }

  get schemaName(): string {
    return this.#name
  }

  /** The names under which Cedar has what a request is judged by: all of them are to be asked, and count together. */
  namesFor(request: CedarRequest): readonly string[] {
    if (this.#tests.length === 0) return this.#whole
    const facts = sliceFactsOf(request)
    const concerned: number[] = []
    this.#tests.forEach((tests, at) => {
      if (tests.every((test) => test(facts))) concerned.push(at)
    })
    const key = concerned.join()
    const known = this.#parts.get(key)
    return known === undefined ? this.#part(key, concerned) : [known]
  }

  #part(key: string, concerned: readonly number[]): readonly string[] {
    // Worth it at once when it is small, else when the same ones are asked for again.
    if (concerned.length * parsingPerEvaluation > this.#policies.length && !this.#seen.has(key)) {
      if (this.#seen.size >= partsMax) this.#seen.clear()
      this.#seen.add(key)
      return this.#whole
    }
    const name = this.#freeName()
    parse(
      name,
      concerned.map((at) => this.#policies[at]!),
    )
    this.#parts.set(key, name)
    return [name]
  }

  /** Cedar forgets nothing: the name of the oldest part is used again. */
  #freeName(): string {
    if (this.#parts.size < partsMax) return `${this.#name}/${this.#parts.size}`
    const [key, name] = this.#parts.entries().next().value!
    this.#parts.delete(key)
    return name
  }
}

function parse(name: string, policies: readonly ParsedPolicy[]): void {
  const staticPolicies = Object.fromEntries(policies.map((policy) => [policy.words.id, quicklyParsed(policy)]))
  expectParsed(withCedar(() => cedar.preparsePolicySet(name, { staticPolicies })))
}

const quick = new WeakMap<ParsedPolicy, string | PolicyJson>()

/** Cedar reads JSON up to 128 levels. */
const levelsMax = 100

/** As JSON, without its words, a policy is parsed in half the time; but numbers beyond 2^53 are only right in the text, and long chains are too deep. */
function quicklyParsed(policy: ParsedPolicy): string | PolicyJson {
  let form = quick.get(policy)
  if (form === undefined) {
    form =
      hasLargeNumber(policy.json) || levelsOf(policy.json) > levelsMax
        ? policy.text
        : { ...policy.json, annotations: {} }
    quick.set(policy, form)
  }
  return form
}

function hasLargeNumber(part: unknown): boolean {
  if (typeof part === 'number') return !Number.isSafeInteger(part)
  return typeof part === 'object' && part !== null && Object.values(part).some(hasLargeNumber)
}

function levelsOf(part: unknown): number {
  if (typeof part !== 'object' || part === null) return 0
  return 1 + Object.values(part).reduce<number>((most, each) => Math.max(most, levelsOf(each)), 0)
}

function expectParsed(answer: { type: 'success' } | { type: 'failure'; errors: { message: string }[] }): void {
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('\n'))
}
