import type { QueryKey } from './keys.ts'

/** One end of a range. */
export type Bound<T> = { at: T; inclusive: boolean }
/** A single value is a range whose ends are the same. Dates are days since 1970-01-01 in UTC. */
export type Range<T> = { min: Bound<T> | null; max: Bound<T> | null }

/** One alternative of a term. Texts are lower case. */
export type QueryValue =
  | { is: 'text'; text: string }
  | { is: 'range'; range: Range<number> }
  | { is: 'version'; template: string; range: Range<string> }

export type Term = { kind: 'term'; key: QueryKey; values: QueryValue[] }
export type Word = { kind: 'word'; text: string }

/** What must hold for an agent. Terms of `and` that ask for access are about one and the same tool. */
export type QueryNode =
  | Term
  | Word
  | { kind: 'not'; item: QueryNode }
  | { kind: 'and'; items: QueryNode[] }
  | { kind: 'or'; items: QueryNode[] }

/** A whole query: all of its items must hold; none matches every agent. */
export type AgentQuery = { kind: 'and'; items: QueryNode[] }

/** `column` counts UTF-16 units from 1, as a text box does. */
export type QueryError = { message: string; column: number; suggestion: string | null }
