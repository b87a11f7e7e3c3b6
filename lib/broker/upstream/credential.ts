import type { SecretBox } from '#lib/core/secret-box.ts'
import { credentialContext } from '#lib/registry/commands.ts'
import type { BrokeredServer } from '../view/view.ts'

/** What the broker shows an upstream, as a header; `secret` is what must never come back out. */
export type UpstreamHeader = { name: string; value: string; secret: string }

/** Opens a server's credential; null when it has none. Throws when it does not open with this key, or is of an unknown kind. */
export function upstreamHeader(server: BrokeredServer, secretBox: SecretBox): UpstreamHeader | null {
  const { credential } = server
  if (!credential) return null
  const secret = secretBox.open(credential.ciphertext, credentialContext(server.id))
  switch (credential.kind) {
    case 'bearer':
      return { name: 'authorization', value: `Bearer ${secret}`, secret }
    case 'basic':
      return { name: 'authorization', value: `Basic ${Buffer.from(secret).toString('base64')}`, secret }
    case 'header':
      return { name: (credential.headerName ?? '').toLowerCase(), value: secret, secret }
    default:
      throw new Error(`The credential of ${server.id} is of an unknown kind.`)
  }
}
