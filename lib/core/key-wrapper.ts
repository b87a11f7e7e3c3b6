import { createHash } from 'node:crypto'
import { decrypt, encrypt, keyBytes } from './envelope.ts'
import { DomainError } from './errors.ts'

/** A key-encryption key, wherever it is kept: it wraps the data keys of sealed things and never leaves its place by this interface. */
export type KeyWrapper = {
  /** Names the key in everything it wrapped, e.g. `environment:3f9a12b04c77` or `aws-kms:arn:aws:kms:…`. */
  readonly id: string
  /** Rejects with `KeyUnavailable` when the service that keeps the key cannot be asked. */
  wrap(dataKey: Uint8Array): Promise<Uint8Array>
  /** As `wrap`; rejects with another error when these bytes were not wrapped by this key. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>
  /** Opens what was sealed by the key itself, before there were data keys. */
  openDirectly?(sealed: Uint8Array, context: string): string
}

/** The key cannot be used now: nothing is sealed or opened without it. */
export class KeyUnavailable extends DomainError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('unavailable', message, { rule: 'keys:unavailable' })
    this.cause = options.cause
  }
}

/** What every wrapped data key is bound to, where the service can bind. */
export const wrapContext = 'wheelhouse-data-key'

/**
 * A key-encryption key in the memory of the process.
 * @param keyBase64 32 random bytes, base64
 */
export function localKeyWrapper(keyBase64: string, place = 'environment'): KeyWrapper {
  const key = Buffer.from(keyBase64, 'base64')
  if (key.length !== keyBytes) throw new Error('The encryption key must be 32 bytes, base64.')
  const id = `${place}:${createHash('sha256').update(key).digest('hex').slice(0, 12)}`
  return {
    id,
    wrap: async (dataKey) => encrypt(dataKey, key, wrapContext),
    unwrap: async (wrapped) => decrypt(wrapped, key, wrapContext),
    openDirectly: (sealed, context) => decrypt(sealed, key, context).toString('utf8'),
  }
}
