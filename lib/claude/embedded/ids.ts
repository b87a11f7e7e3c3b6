import { randomBytes } from 'node:crypto'

/** Crockford's base 32, lower-case: sorts as the number it stands for. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

export const idPrefixes = {
  agent: 'agent',
  environment: 'env',
  work: 'work',
  session: 'sesn',
  event: 'sevt',
  vault: 'vlt',
  credential: 'vcrd',
} as const

/** An id as Anthropic's look, e.g. `sesn_01…`: 48 bits of time, then 80 random bits, so ids of one kind sort by creation. */
export function newId(kind: keyof typeof idPrefixes, now: Date): string {
  let time = ''
  for (let rest = now.getTime(), digit = 0; digit < 10; digit += 1, rest = Math.floor(rest / 32)) {
    time = alphabet[rest % 32] + time
  }
  const random = Array.from(randomBytes(16), (byte) => alphabet[byte % 32]).join('')
  return `${idPrefixes[kind]}_${time}${random}`
}
