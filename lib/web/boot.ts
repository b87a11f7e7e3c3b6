import { proveKeyring } from '#lib/keys/commands.ts'
import { ignoreForwardedFor } from './client-address.ts'
import { portal } from './db.ts'

/** Reads the environment and tries the key that seals before the first request; what is wrong ends the process with the variable named. */
export async function boot(): Promise<void> {
  try {
    const { config, log, keyring } = portal()
    if (!config.trustProxy) ignoreForwardedFor()
    await proveKeyring(keyring)
    log.info({ url: config.url, demo: config.demo, oidc: config.oidc?.issuer ?? null }, 'portal started')
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}
