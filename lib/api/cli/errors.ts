/** The one error body of the API (RFC 9457), as far as the command line reads it. */
export type Problem = {
  title?: string
  status?: number
  detail?: string
  requestId?: string
  rule?: string
  /** Where what was sent cannot be read; without a line in a query, by its characters from 1 on. */
  line?: number
  column?: number
  /** Messages by field. */
  errors?: Record<string, string[]>
  /** What is wrong with a draft, or with a manifest's lines. */
  problems?: { line?: number; column?: number; id?: string | null; field?: string; message: string }[]
}

/** What the program ends with: documented in `wheelhouse --help`. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unreachable: 3, differs: 4 } as const

/** The server understood and said no, or something failed there. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly status: number
  readonly problem: Problem

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`)
    this.status = status
    this.problem = problem
  }
}

/** Nobody answers, or something in between says that nobody does. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** The person at the terminal can put it right by calling differently. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** It was tried and did not work out; the message says what. */
export class Failed extends Error {
  override readonly name = 'Failed'
}

/** A problem as lines for people: what, which fields, which rule, and the id under which the server wrote it down. */
export function problemLines({ message, status, problem }: ApiRefusal): string[] {
  const { errors = {}, problems = [], rule, requestId, line: inLine, column } = problem
  const isSaid = (text: string) => message.toLowerCase().includes(text.toLowerCase())
  const said = Object.entries(errors).flatMap(([field, messages]) => messages.map((text) => ({ field, text })))
  // What is said of one field stands in the message; of several, each has its line.
  const isList = said.length > 1 && said.some(({ text }) => isSaid(text))
  const fields = said
    .filter(({ text }) => isList || !isSaid(text))
    .map(({ field, text }) => `  ${field || 'input'}: ${text}`)
  const lines = problems.map(({ line, column, id, field, message: text }) =>
    line === undefined
      ? `  ${field ?? 'input'}: ${text}`
      : `  line ${line}:${column ?? 1}${id ? ` (${id})` : ''}: ${text}`,
  )
  return [
    isList ? 'Some values are not valid.' : message,
    ...[...new Set([...fields, ...lines])],
    ...(column === undefined || inLine !== undefined || problems.length > 0 ? [] : [`  at character ${column}`]),
    ...(rule ? [`  rule: ${rule}`] : []),
    ...(requestId ? [`  request: ${requestId}`] : []),
    ...(status === 401 ? ['  Sign in with: wheelhouse login'] : []),
  ]
}
