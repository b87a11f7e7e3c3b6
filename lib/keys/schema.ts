import { z } from 'zod'

export const rotateKeysInput = z.strictObject({
  reason: z.string().trim().min(1, 'Say why.').max(500, 'Use at most 500 characters.'),
})
export type RotateKeysInput = z.infer<typeof rotateKeysInput>

export type KeyRotationRefusal = { reason: 'nothing_newer'; message: string; rule: string }

/** The key-encryption keys in use. The keys themselves are nowhere in the product's answers. */
export type KeysView = {
  /** The one that seals now. */
  current: { id: string; since: string | null; madeCurrentBy: string | null }
  /** What this process is configured with, newest first. */
  configured: string[]
  /** Sealed things by the key they are under. */
  sealed: { keyId: string; count: number }[]
  /** The re-wrapping for the current key; null when there never was one. */
  rewrap: { rewrapped: number; finishedAt: string | null; lastError: string | null } | null
}
