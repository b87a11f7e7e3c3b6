import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * Encrypts small secrets at rest with AES-256-GCM (NIST SP 800-38D, 96-bit random nonce). The context (for instance
 * `upstream-credential:erp`) is authenticated, so a ciphertext copied to another row does not open there.
 */
export type SecretBox = {
  /** Identifies the key, so that a rotation can tell which rows are still under the old one. */
  readonly keyId: string
  seal(plaintext: string, context: string): Uint8Array<ArrayBuffer>
  /** Throws when the key, the context or the ciphertext is not the one it was sealed with. */
  open(sealed: Uint8Array, context: string): string
}

const nonceBytes = 12
const tagBytes = 16

/** @param keyBase64 32 random bytes, base64 */
export function createSecretBox(keyBase64: string): SecretBox {
  const key = Buffer.from(keyBase64, 'base64')
  if (key.length !== 32) throw new Error('The encryption key must be 32 bytes, base64.')
  const keyId = createHash('sha256').update(key).digest('hex').slice(0, 12)
  return {
    keyId,
    seal(plaintext, context) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()])
      return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), body]))
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed)
      const nonce = bytes.subarray(0, nonceBytes)
      const tag = bytes.subarray(nonceBytes, nonceBytes + tagBytes)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(context)).setAuthTag(tag)
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString('utf8')
    },
  }
}

/** 32 random bytes, base64url: for tokens and keys that people never type. */
export function randomSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}

/** SHA-256 hex of a high-entropy token: what is stored instead of it. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Compares two strings in a time that depends on their length only. */
export function equalInConstantTime(a: string, b: string): boolean {
  const left = createHash('sha256').update(a).digest()
  const right = createHash('sha256').update(b).digest()
  return timingSafeEqual(left, right)
}
