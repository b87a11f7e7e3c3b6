import { createHash } from 'node:crypto'

/** The same name gives the same UUID (version 8, RFC 9562) on every machine: re-seeding finds its own rows again. */
export function demoUuid(name: string): string {
  const hex = createHash('sha256').update(`wheelhouse demo ${name}`).digest('hex')
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-')
}

/** A number to seed the generator with, from a name. */
export function seedOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0)
}

/** As an id of the audit log, which begins with its time (version 7), and the same on every machine all the same. */
export function demoEventId(at: Date, name: string): string {
  const hex = createHash('sha256').update(`wheelhouse demo ${name}`).digest('hex')
  const time = at.getTime().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
}
