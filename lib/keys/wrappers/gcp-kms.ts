import type { GoogleAuth } from 'google-auth-library'
import { KeyUnavailable, type KeyWrapper, wrapContext } from '#lib/core/key-wrapper.ts'

const timeoutMs = 3000
const additionalAuthenticatedData = Buffer.from(wrapContext).toString('base64')

/** A symmetric key of Google Cloud KMS by its resource name; credentials as Google's library finds them (file, workload identity). */
export function gcpKmsWrapper({ name, url }: { name: string; url: string }): KeyWrapper {
  let auth: Promise<GoogleAuth> | null = null
  const ask = async (verb: string, data: Record<string, string>): Promise<Record<string, unknown>> => {
    try {
      const client = await (auth ??= createAuth(name))
      const response = await client.request<Record<string, unknown>>({
        url: `${url}/v1/${name}:${verb}`,
        method: 'POST',
        data,
        timeout: timeoutMs,
        retryConfig: { retry: 1 },
      })
      return response.data
    } catch (error) {
      const status = (error as { status?: unknown }).status
      // INVALID_ARGUMENT: the ciphertext is not this key's, or was bound to something else.
      if (status === 400 && verb === 'decrypt')
        throw new Error(`These bytes were not wrapped by ${name}.`, { cause: error })
      const why = typeof status === 'number' ? `status ${status}` : 'no answer'
      throw new KeyUnavailable(`Google Cloud KMS does not let ${name} be used now (${why}).`, { cause: error })
    }
  }
  return {
    id: `gcp-kms:${name}`,
    async wrap(dataKey) {
      const plaintext = Buffer.from(dataKey).toString('base64')
      return bytesOf((await ask('encrypt', { plaintext, additionalAuthenticatedData }))['ciphertext'], name)
    },
    async unwrap(wrapped) {
      const ciphertext = Buffer.from(wrapped).toString('base64')
      return bytesOf((await ask('decrypt', { ciphertext, additionalAuthenticatedData }))['plaintext'], name)
    },
  }
}

// The library is loaded only where it is used.
async function createAuth(name: string): Promise<GoogleAuth> {
  const { GoogleAuth } = await import('google-auth-library')
  // The project is in the name; otherwise the library would ask another service for it.
  return new GoogleAuth({ projectId: name.split('/')[1]!, scopes: ['https://www.googleapis.com/auth/cloudkms'] })
}

function bytesOf(value: unknown, name: string): Uint8Array {
  if (typeof value !== 'string') throw new KeyUnavailable(`Google Cloud KMS answered without bytes for ${name}.`)
  return Buffer.from(value, 'base64')
}
