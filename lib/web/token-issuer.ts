import { createTokenIssuer, type TokenIssuer } from '#lib/auth/commands/agent-tokens.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { portal } from './db.ts'

/** The portal as the authorization server of agents: its addresses and the box that holds the signing keys. */
export function tokenIssuer(): TokenIssuer {
  const { config } = portal()
  return createTokenIssuer({
    url: config.url,
    brokerUrl: config.brokerUrl,
    secretBox: createSecretBox(config.encryptionKey),
  })
}
