import { randomUUID } from 'node:crypto'

/** UUID version 7 (RFC 9562): ids of the same time lie together in an index, so that a new row touches few of its pages, and each says when it was made. */
export function timedId(now: Date): string {
  const time = now.getTime().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

/** Milliseconds since an id of `timedId` was made; 0 for any other id, and never less, as clocks may differ. */
export function ageOf(id: string, now: Date): number {
  if (id.charAt(14) !== '7') return 0
  return Math.max(0, now.getTime() - Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16))
}
