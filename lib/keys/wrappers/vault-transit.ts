import { z } from 'zod'
import { KeyUnavailable, type KeyWrapper, wrapContext } from '#lib/core/key-wrapper.ts'

type Options = { url: string; token: string; namespace: string | null; mount: string; name: string }

const timeoutMs = 3000
const answer = z.object({ data: z.record(z.string(), z.unknown()) })

/** A key of HashiCorp Vault's transit engine (aes256-gcm96), over its HTTP API; Vault keeps the versions of the key apart by itself. */
export function vaultTransitWrapper(options: Options): KeyWrapper {
  const { url, token, namespace, mount, name } = options
  const key = `${mount}/${name}`
  const headers = { 'x-vault-token': token, 'x-vault-request': 'true', 'content-type': 'application/json' }
  const ask = async (verb: 'encrypt' | 'decrypt', data: Record<string, string>): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}/v1/${mount}/${verb}/${name}`, {
      method: 'POST',
      headers: namespace === null ? headers : { ...headers, 'x-vault-namespace': namespace },
      body: JSON.stringify({ ...data, associated_data: Buffer.from(wrapContext).toString('base64') }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    }).catch(() => null)
    if (response?.status === 400 && verb === 'decrypt') throw new Error(`These bytes were not wrapped by ${key}.`)
    const body = response?.ok ? answer.safeParse(await response.json().catch(() => null)) : null
    if (body?.success) return body.data.data
    const why = response ? `status ${response.status}` : 'no answer'
    throw new KeyUnavailable(`Vault does not let the transit key ${key} be used now (${why}).`)
  }
  return {
    id: `vault-transit:${key}`,
    async wrap(dataKey) {
      const { ciphertext } = await ask('encrypt', { plaintext: Buffer.from(dataKey).toString('base64') })
      return Buffer.from(textOf(ciphertext, key))
    },
    async unwrap(wrapped) {
      const { plaintext } = await ask('decrypt', { ciphertext: Buffer.from(wrapped).toString('utf8') })
      return Buffer.from(textOf(plaintext, key), 'base64')
    },
  }
}

function textOf(value: unknown, key: string): string {
  if (typeof value !== 'string') throw new KeyUnavailable(`Vault answered without bytes for the transit key ${key}.`)
  return value
}
