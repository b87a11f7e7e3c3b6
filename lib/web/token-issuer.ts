import { createTokenIssuer, type TokenIssuer } from '#lib/auth/commands/agent-tokens.ts'
import type { PortalConfig } from '#lib/config/portal.ts'
import { portal } from './db.ts'
import { noteUnknownSubject } from './unknown-subject.ts'

const holder = globalThis as typeof globalThis & { wheelhouseTokenIssuers?: WeakMap<PortalConfig, TokenIssuer> }

/** The portal as the authorization server of agents. One for the process: it remembers the keys of the issuers it trusts. */
export function tokenIssuer(): TokenIssuer {
  const { config, keyring, log } = portal()
  const issuers = (holder.wheelhouseTokenIssuers ??= new WeakMap())
  let issuer = issuers.get(config)
  if (!issuer) {
    const { url, brokerUrl, trustedIssuers } = config
    issuer = createTokenIssuer({
      url,
      brokerUrl,
      secretBox: keyring,
      trustedIssuers,
      noteUnknown: (ctx, unknown) =>
        noteUnknownSubject(ctx, unknown).catch((error: unknown) => {
          log.warn({ err: error }, 'whom a trusted issuer vouches for could not be noted')
        }),
    })
    issuers.set(config, issuer)
  }
  return issuer
}
