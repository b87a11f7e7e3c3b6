import type { KeySource } from '#lib/config/keys.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { assertNever } from '#lib/core/errors.ts'
import { type KeyWrapper, localKeyWrapper } from '#lib/core/key-wrapper.ts'
import { createKeyringBox, type SecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { isDatabaseUnavailable } from '#lib/db/unavailable.ts'
import { awsKmsWrapper } from './wrappers/aws-kms.ts'
import { fileKeyWrappers } from './wrappers/file.ts'
import { gcpKmsWrapper } from './wrappers/gcp-kms.ts'
import { vaultTransitWrapper } from './wrappers/vault-transit.ts'

/** The box of a process over the keys it is configured with, newest first. */
export type Keyring = SecretBox & {
  readonly keyIds: readonly string[]
  /** The same with one of its keys, which then is the current one. */
  only(keyId: string): Keyring
}

export function createKeyring(sources: readonly KeySource[], db: Db): Keyring {
  return keyringOf(sources.flatMap(wrappersOf), () => currentKeyId(db))
}

function keyringOf(wrappers: readonly KeyWrapper[], currentKeyId: () => Promise<string | null>): Keyring {
  return {
    ...createKeyringBox({ wrappers, currentKeyId }),
    keyIds: wrappers.map((wrapper) => wrapper.id),
    only: (keyId) =>
      keyringOf(
        wrappers.filter((wrapper) => wrapper.id === keyId),
        async () => keyId,
      ),
  }
}

/** The key the registry says is current; null while none was ever rotated to. */
export async function currentKeyId(db: Pick<Db, 'keyEncryptionKey'>): Promise<string | null> {
  const newest = await db.keyEncryptionKey.findFirst({ orderBy: { generation: 'desc' }, select: { id: true } })
  return newest?.id ?? null
}

/** Seals something and opens it again; throws `ConfigError` that names the variable when the current key cannot be used. */
export async function proveKeyring(keyring: Keyring): Promise<void> {
  const probe = `probe-${Date.now()}`
  try {
    const opened = await keyring.open(await keyring.seal(probe, 'probe'), 'probe')
    if (opened === probe) return
    throw new Error('what was sealed opened as something else')
  } catch (error) {
    // Which key is current says the database: without it nothing is known of any.
    if (isDatabaseUnavailable(error)) throw error
    throw new ConfigError(
      `WHEELHOUSE_KEYS: the current key-encryption key cannot be used: ${error instanceof Error ? error.message : 'unknown'}`,
    )
  }
}

function wrappersOf(source: KeySource): KeyWrapper[] {
  switch (source.driver) {
    case 'environment':
      return [localKeyWrapper(source.key)]
    case 'file':
      return fileKeyWrappers(source.path)
    case 'aws-kms':
      return [awsKmsWrapper(source)]
    case 'gcp-kms':
      return [gcpKmsWrapper(source)]
    case 'vault-transit':
      return [vaultTransitWrapper(source)]
    default:
      return assertNever(source)
  }
}
