import { createHash } from 'node:crypto'

/** A short text that changes whenever the facts do, and with nothing else. */
export function revisionOf(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts, plain)).digest('hex').slice(0, 24)
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}
