/** A page of what is sorted by key: what comes after the cursor, which names the last key shown, so that changes in between neither skip nor repeat. */
export function pageOf<T extends { key: string }>(
  sorted: readonly T[],
  { cursor, sizeMax }: { cursor: string | null; sizeMax: number },
): { items: T[]; nextCursor: string | null } {
  const from = cursor === null ? 0 : sorted.findIndex((item) => item.key > cursor)
  const items = from < 0 ? [] : sorted.slice(from, from + sizeMax)
  const last = items.at(-1)
  return { items, nextCursor: last && from + sizeMax < sorted.length ? cursorFor(last.key) : null }
}

/** The key a cursor of ours names; null for none, undefined for one that is not ours. */
export function readCursor(cursor: unknown): string | null | undefined {
  if (cursor === undefined) return null
  if (typeof cursor !== 'string' || !/^[\w-]+$/.test(cursor)) return undefined
  const key = Buffer.from(cursor, 'base64url').toString('utf8')
  return cursorFor(key) === cursor ? key : undefined
}

export function byKey(a: { key: string }, b: { key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}

/** The cursor that names a key. */
export function cursorFor(key: string): string {
  return Buffer.from(key).toString('base64url')
}
