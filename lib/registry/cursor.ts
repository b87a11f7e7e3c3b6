import { z } from 'zod'
import { DomainError } from '#lib/core/errors.ts'
import type { AgentListQuery, AgentSort } from './schema.ts'

/** Where a page begins: the sort key and id of the row beside it, and in which direction to go from there. */
export type Position = { key: string | number; id: string; direction: 'next' | 'prev' }

const content = z.strictObject({
  s: z.string(),
  v: z.union([z.string().max(500), z.number()]),
  i: z.string().max(100),
  d: z.enum(['next', 'prev']),
})

const textSorts: ReadonlySet<AgentSort> = new Set(['id', 'name', 'owner', 'sponsor', 'template', 'model'])

/** Opaque to callers. It holds no secret and grants nothing, so it is checked for shape, not signed. */
export function writeCursor(query: AgentListQuery, position: Position): string {
  const text = JSON.stringify({ s: sortingOf(query), v: position.key, i: position.id, d: position.direction })
  return Buffer.from(text).toString('base64url')
}

/** Throws `invalid` for a cursor that was altered or belongs to another sorting. */
export function readCursor(query: AgentListQuery): Position | null {
  if (query.cursor === undefined) return null
  const parsed = content.safeParse(parseJson(Buffer.from(query.cursor, 'base64url').toString('utf8')))
  const keyType = textSorts.has(query.sort) ? 'string' : 'number'
  if (!parsed.success || parsed.data.s !== sortingOf(query) || typeof parsed.data.v !== keyType) {
    throw new DomainError(
      'invalid',
      'This page link is damaged or belongs to another sorting. Start from the first page.',
      {
        field: 'cursor',
        rule: 'registry:cursor',
      },
    )
  }
  return { key: parsed.data.v, id: parsed.data.i, direction: parsed.data.d }
}

function sortingOf(query: AgentListQuery): string {
  return `${query.sort}.${query.order}`
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return null
  }
}
