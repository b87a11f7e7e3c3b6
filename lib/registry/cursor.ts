import { z } from 'zod'
import { DomainError } from '#lib/core/errors.ts'
import type { AgentListQuery, AgentSort } from './schema.ts'

/** Where a page begins: the sort value and id of the row beside it, and in which direction to go from there. */
export type Position = { value: string; id: string; direction: 'next' | 'prev' }

const content = z.strictObject({
  s: z.string(),
  v: z.string().max(500),
  i: z.string().max(100),
  d: z.enum(['next', 'prev']),
})

/** Opaque to callers. It holds no secret and grants nothing, so it is checked for shape, not signed. */
export function writeCursor(query: AgentListQuery, position: Position): string {
  const text = JSON.stringify({ s: sortingOf(query), v: position.value, i: position.id, d: position.direction })
  return Buffer.from(text).toString('base64url')
}

/** Throws `invalid` for a cursor that was altered or belongs to another sorting. */
export function readCursor(query: AgentListQuery): Position | null {
  if (query.cursor === undefined) return null
  const parsed = content.safeParse(parseJson(Buffer.from(query.cursor, 'base64url').toString('utf8')))
  const fits = parsed.success && parsed.data.s === sortingOf(query) && valuePattern[query.sort].test(parsed.data.v)
  if (!fits || `${parsed.data.v}${parsed.data.i}`.includes('\0')) {
    throw new DomainError(
      'invalid',
      'This page link is damaged or belongs to another sorting. Start from the first page.',
      {
        field: 'cursor',
        rule: 'registry:cursor',
      },
    )
  }
  return { value: parsed.data.v, id: parsed.data.i, direction: parsed.data.d }
}

function sortingOf(query: AgentListQuery): string {
  return `${query.sort}.${query.order}`
}

const text = /^[^]*$/
const integer = /^-?\d{1,18}$/

/** What PostgreSQL prints for the sort's type, so that a changed cursor never reaches a cast that fails. */
const valuePattern: Record<AgentSort, RegExp> = {
  id: text,
  name: text,
  owner: text,
  status: integer,
  tier: integer,
  runs: integer,
  cost: integer,
  escalation: /^-?\d{1,9}(\.\d{1,12})?$/,
  reviewed: integer,
  created: integer,
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return null
  }
}
