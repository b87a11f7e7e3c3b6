import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/**
 * A sealed thing: a data key of its own, wrapped by the key-encryption key that `keyId` names, and the text under that data key with
 * AES-256-GCM (NIST SP 800-38D, 96-bit random nonce). `body` is nonce, tag and ciphertext; wrapping the key anew leaves it as it is.
 */
export type Envelope = { keyId: string; wrapped: Uint8Array; body: Uint8Array }

const mark = Buffer.from('WHE1')
const nonceBytes = 12
const tagBytes = 16
export const keyBytes = 32

/** The mark, then key id and wrapped key each after its length in two bytes, then the body. */
export function packEnvelope({ keyId, wrapped, body }: Envelope): Uint8Array<ArrayBuffer> {
  const id = Buffer.from(keyId)
  const lengths = Buffer.alloc(4)
  lengths.writeUInt16BE(id.length, 0)
  lengths.writeUInt16BE(wrapped.length, 2)
  return new Uint8Array(Buffer.concat([mark, lengths, id, wrapped, body]))
}

/** Null for bytes that are no envelope. */
export function unpackEnvelope(sealed: Uint8Array): Envelope | null {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (bytes.length < 8 || !bytes.subarray(0, 4).equals(mark)) return null
  const idEnd = 8 + bytes.readUInt16BE(4)
  const wrappedEnd = idEnd + bytes.readUInt16BE(6)
  if (bytes.length < wrappedEnd + nonceBytes + tagBytes) return null
  return {
    keyId: bytes.toString('utf8', 8, idEnd),
    wrapped: bytes.subarray(idEnd, wrappedEnd),
    body: bytes.subarray(wrappedEnd),
  }
}

/** Nonce, tag and ciphertext. The context is authenticated: the bytes open under no other. */
export function encrypt(plaintext: Uint8Array, key: Uint8Array, context: string): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext])
}

/** Throws when key, context or bytes are not those of `encrypt`. */
export function decrypt(body: Uint8Array, key: Uint8Array, context: string): Buffer {
  const nonce = body.subarray(0, nonceBytes)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(context)).setAuthTag(body.subarray(nonceBytes, nonceBytes + tagBytes))
  return Buffer.concat([decipher.update(body.subarray(nonceBytes + tagBytes)), decipher.final()])
}
