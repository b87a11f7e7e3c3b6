import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { decrypt, encrypt, keyBytes, packEnvelope, unpackEnvelope } from './envelope.ts'
import { DomainError } from './errors.ts'
import { KeyUnavailable, type KeyWrapper, localKeyWrapper } from './key-wrapper.ts'

/**
 * Encrypts small secrets at rest: each under a data key of its own, which a key-encryption key wraps. The context (for instance
 * `upstream-credential:erp`) is authenticated, so a ciphertext copied to another row does not open there.
 */
export type SecretBox = {
  /** Rejects with `KeyUnavailable` when the current key cannot be used: nothing is ever kept unsealed instead. */
  seal(plaintext: string, context: string): Promise<Uint8Array<ArrayBuffer>>
  /** Does now what may fail about sealing one thing; what it resolves to cannot fail for want of a key. */
  sealer(): Promise<(plaintext: string, context: string) => Uint8Array<ArrayBuffer>>
  /** Rejects when the key, the context or the ciphertext is not the one it was sealed with. */
  open(sealed: Uint8Array, context: string): Promise<string>
  /** The same under the key that is current now; null when it is already. The text is opened for what has no data key yet only. */
  rewrap(sealed: Uint8Array, context: string): Promise<Uint8Array<ArrayBuffer> | null>
}

type BoxOptions = {
  /** Every key that can be used here; the last one is current as long as nothing else is said. */
  wrappers: readonly KeyWrapper[]
  /** The id of the key that seals now; null: the last of `wrappers`. */
  currentKeyId?: () => Promise<string | null>
  /** An unwrapped data key is used for so long without asking for it again, */
  freshMs?: number
  /** and for so long in all while the service that keeps its key does not answer. */
  usableMs?: number
  clock?: () => number
}

const freshMsStandard = 5 * 60_000
const usableMsStandard = 60 * 60_000
const dataKeysMax = 10_000

/** @param keyBase64 the one key-encryption key: 32 random bytes, base64 */
export function createSecretBox(keyBase64: string): SecretBox {
  return createKeyringBox({ wrappers: [localKeyWrapper(keyBase64)] })
}

/** A box over several key-encryption keys: any of them opens, the current one seals. */
export function createKeyringBox(options: BoxOptions): SecretBox {
  const wrappers = new Map(options.wrappers.map((wrapper) => [wrapper.id, wrapper]))
  const dataKeys = new DataKeys(options)

  async function current(): Promise<KeyWrapper> {
    const id = (await options.currentKeyId?.()) ?? options.wrappers.at(-1)?.id ?? 'none'
    return wrapperOf(id)
  }

  function wrapperOf(id: string): KeyWrapper {
    const wrapper = wrappers.get(id)
    if (wrapper) return wrapper
    throw new DomainError(
      'unavailable',
      `The key-encryption key ${id} is not configured for this process (WHEELHOUSE_KEYS).`,
      {
        rule: 'keys:not_configured',
      },
    )
  }

  async function open(sealed: Uint8Array, context: string): Promise<string> {
    const envelope = unpackEnvelope(sealed)
    if (!envelope) return openDirectly(options.wrappers, sealed, context)
    const dataKey = await dataKeys.unwrap(wrapperOf(envelope.keyId), envelope.wrapped)
    return decrypt(envelope.body, dataKey, context).toString('utf8')
  }

  async function sealer() {
    const wrapper = await current()
    const dataKey = randomBytes(keyBytes)
    const wrapped = await wrapper.wrap(dataKey)
    return (plaintext: string, context: string) =>
      packEnvelope({ keyId: wrapper.id, wrapped, body: encrypt(Buffer.from(plaintext), dataKey, context) })
  }

  const seal: SecretBox['seal'] = async (plaintext, context) => (await sealer())(plaintext, context)

  return {
    seal,
    sealer,
    open,
    async rewrap(sealed, context) {
      const envelope = unpackEnvelope(sealed)
      if (!envelope) return seal(await open(sealed, context), context)
      const wrapper = await current()
      if (envelope.keyId === wrapper.id) return null
      const dataKey = await wrapperOf(envelope.keyId).unwrap(envelope.wrapped)
      return packEnvelope({ keyId: wrapper.id, wrapped: await wrapper.wrap(dataKey), body: envelope.body })
    },
  }
}

/** Which key-encryption key a sealed thing is under; `direct` for one from before there were data keys. */
export function keyIdOf(sealed: Uint8Array): string {
  return unpackEnvelope(sealed)?.keyId ?? 'direct'
}

/** What stays the same while only the key around it changes: two of one body hold the same secret. */
export function sealedBody(sealed: Uint8Array): Uint8Array {
  return unpackEnvelope(sealed)?.body ?? sealed
}

/** Data keys that were unwrapped lately. An outage of the service that keeps their key does not end them at once, and not never. */
class DataKeys {
  readonly #held = new Map<string, { dataKey: Uint8Array; at: number }>()
  readonly #freshMs: number
  readonly #usableMs: number
  readonly #clock: () => number

  constructor({ freshMs = freshMsStandard, usableMs = usableMsStandard, clock = () => performance.now() }: BoxOptions) {
    this.#freshMs = freshMs
    this.#usableMs = usableMs
    this.#clock = clock
  }

  async unwrap(wrapper: KeyWrapper, wrapped: Uint8Array): Promise<Uint8Array> {
    const name = createHash('sha256').update(wrapper.id).update(wrapped).digest('base64')
    const held = this.#held.get(name)
    const age = held ? this.#clock() - held.at : Number.POSITIVE_INFINITY
    if (held && age < this.#freshMs) return held.dataKey
    try {
      const dataKey = await wrapper.unwrap(wrapped)
      this.#keep(name, dataKey)
      return dataKey
    } catch (error) {
      if (held && age < this.#usableMs && error instanceof KeyUnavailable) return held.dataKey
      this.#held.delete(name)
      throw error
    }
  }

  #keep(name: string, dataKey: Uint8Array): void {
    this.#held.delete(name)
    this.#held.set(name, { dataKey, at: this.#clock() })
    // In the order they were kept: the oldest first.
    for (const [oldest, { at }] of this.#held) {
      if (this.#held.size <= dataKeysMax && this.#clock() - at < this.#usableMs) break
      this.#held.delete(oldest)
    }
  }
}

function openDirectly(wrappers: readonly KeyWrapper[], sealed: Uint8Array, context: string): string {
  const able = wrappers.filter((wrapper) => wrapper.openDirectly)
  for (const wrapper of able) {
    try {
      return wrapper.openDirectly!(sealed, context)
    } catch {
      // Another key may be the one.
    }
  }
  throw new Error('No key that is configured opens these bytes under this context.')
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
