import fc from 'fast-check'
import {
  type AgentQuery,
  isAccessKey,
  type QueryKey,
  queryKeys,
  type QueryNode,
  type QueryValue,
  type Range,
  specOf,
  type Term,
} from '#lib/registry/rules.ts'

/** Names that values are drawn from, so that queries find something; none: any text. */
export type Names = Partial<Record<QueryKey | 'word' | 'version', readonly string[]>>

/**
 * Any query in the shape the parser gives: access keys and words once in a sequence, nothing empty, no group around nothing, and no
 * more than 3 + 9 + 27 parts, where the parser refuses the 41st.
 */
export function anyQuery(names: Names = {}): fc.Arbitrary<AgentQuery> {
  const leaf = fc.oneof({ weight: 4, arbitrary: anyTerm(names) }, { weight: 1, arbitrary: anyWord(names) })
  const node: fc.Arbitrary<QueryNode> = fc.letrec<{ node: QueryNode; positive: QueryNode }>((tie) => ({
    positive: fc.oneof(
      { maxDepth: 2 },
      leaf,
      fc
        .array(tie('node'), { minLength: 1, maxLength: 3 })
        .map((items) => ({ kind: 'and' as const, items: onceEach(items) })),
      fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map((items) => ({ kind: 'or' as const, items })),
    ),
    node: fc.oneof(
      { weight: 4, arbitrary: tie('positive') },
      { weight: 1, arbitrary: tie('positive').map((item) => ({ kind: 'not' as const, item })) },
    ),
  })).node
  return fc.array(node, { maxLength: 3 }).map((items) => ({ kind: 'and', items: onceEach(items) }))
}

/** Beside each other an access key may stand once, and so may a word, negated or not. */
function onceEach(items: QueryNode[]): QueryNode[] {
  const seen = new Set<string>()
  return items.filter((item) => {
    const identity = onceIdentity(item)
    if (identity === null) return true
    if (seen.has(identity)) return false
    seen.add(identity)
    return true
  })
}

function onceIdentity(item: QueryNode): string | null {
  if (item.kind === 'term' && isAccessKey(item.key)) return item.key
  const said = item.kind === 'not' ? item.item : item
  return said.kind === 'word' ? JSON.stringify(item) : null
}

function anyTerm(names: Names): fc.Arbitrary<Term> {
  const ofKey = (Object.keys(queryKeys) as QueryKey[]).map((key) =>
    fc
      .uniqueArray(anyValue(key, names), { minLength: 1, maxLength: 3, selector: (value) => JSON.stringify(value) })
      .map((values) => ({ kind: 'term' as const, key, values })),
  )
  return fc.oneof(...ofKey)
}

function anyValue(key: QueryKey, names: Names): fc.Arbitrary<QueryValue> {
  const spec = specOf(key)
  switch (spec.kind) {
    case 'choice':
      return fc.constantFrom(...spec.values).map(textValue)
    case 'name':
      return named(names[key]).map(textValue)
    case 'template':
      return fc.oneof(
        named(names.template)
          .filter((text) => text.lastIndexOf('@') <= 0)
          .map(textValue),
        fc
          .tuple(
            named(names.template),
            anyRange(fc.constantFrom(...(names.version ?? ['1.0.0', '2.0', '1.10.0-rc.1']))),
          )
          .map(([template, range]): QueryValue => ({ is: 'version', template, range })),
      )
    case 'number':
      return anyRange(
        fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom(0.1, 0.25, 0.5, 1.000001, 123456.5)),
      ).map(rangeValue)
    case 'days':
      return anyRange(fc.integer({ min: 0, max: 120 })).map(rangeValue)
    case 'date':
      return fc.oneof(
        fc.constant(textValue('never')),
        anyRange(fc.integer({ min: 20_700, max: 20_800 })).map(rangeValue),
      )
  }
}

function anyRange<T>(at: fc.Arbitrary<T>): fc.Arbitrary<Range<T>> {
  const bound = fc.record({ at, inclusive: fc.boolean() })
  return fc.oneof(
    bound.map((min) => ({ min, max: null })),
    bound.map((max) => ({ min: null, max })),
    fc.tuple(at, at).map(([from, to]) => ({ min: { at: from, inclusive: true }, max: { at: to, inclusive: true } })),
  )
}

function anyWord(names: Names): fc.Arbitrary<QueryNode> {
  return named(names.word).map((text) => ({ kind: 'word' as const, text }))
}

function named(known: readonly string[] | undefined): fc.Arbitrary<string> {
  if (known) return fc.constantFrom(...known)
  return fc
    .oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
      fc.constantFrom('or', '-x', 'a:b', '(a b)', '"', '\\', '<5', '1..2'),
    )
    .map((value) => value.toLowerCase())
    .filter((value) => value.trim() === value && value !== '' && value.toLowerCase() === value)
}

function textValue(text: string): QueryValue {
  return { is: 'text', text }
}

function rangeValue(range: Range<number>): QueryValue {
  return { is: 'range', range }
}
