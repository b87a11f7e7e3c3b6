import type { KMSClient } from '@aws-sdk/client-kms'
import { KeyUnavailable, type KeyWrapper, wrapContext } from '#lib/core/key-wrapper.ts'

const timeoutMs = 3000
const attempts = 2
/** The service has looked at the bytes and says they are not this key's. */
const wrongBytes = new Set(['InvalidCiphertextException', 'IncorrectKeyException'])

/** A symmetric key of AWS KMS by its ARN; region from the ARN, credentials as the SDK finds them (environment, profile, role). */
export function awsKmsWrapper({ keyId }: { keyId: string }): KeyWrapper {
  let client: Promise<KMSClient> | null = null
  const EncryptionContext = { purpose: wrapContext }
  const connect = () => (client ??= createClient(keyId.split(':')[3]!))
  return {
    id: `aws-kms:${keyId}`,
    async wrap(dataKey) {
      const { EncryptCommand } = await import('@aws-sdk/client-kms')
      const command = new EncryptCommand({ KeyId: keyId, Plaintext: dataKey, EncryptionContext })
      return present((await asked(keyId, async () => (await connect()).send(command))).CiphertextBlob, keyId)
    },
    async unwrap(wrapped) {
      const { DecryptCommand } = await import('@aws-sdk/client-kms')
      const command = new DecryptCommand({ KeyId: keyId, CiphertextBlob: wrapped, EncryptionContext })
      return present((await asked(keyId, async () => (await connect()).send(command))).Plaintext, keyId)
    },
  }
}

// The SDK is loaded only where it is used.
async function createClient(region: string): Promise<KMSClient> {
  const { KMSClient } = await import('@aws-sdk/client-kms')
  const requestHandler = { requestTimeout: timeoutMs, connectionTimeout: timeoutMs, throwOnRequestTimeout: true }
  return new KMSClient({ region, maxAttempts: attempts, requestHandler })
}

async function asked<T>(keyId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown'
    if (wrongBytes.has(name)) throw new Error(`These bytes were not wrapped by ${keyId}.`, { cause: error })
    throw new KeyUnavailable(`AWS KMS does not let ${keyId} be used now (${name}).`, { cause: error })
  }
}

function present(bytes: Uint8Array | undefined, keyId: string): Uint8Array {
  if (!bytes) throw new KeyUnavailable(`AWS KMS answered without bytes for ${keyId}.`)
  return bytes
}
