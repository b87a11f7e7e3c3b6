import { proveKeyring } from '#lib/keys/commands.ts'
import { ignoreForwardedFor } from './client-address.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import { listAgents } from '#lib/registry/queries.ts'
import { portal } from './db.ts'

/** Reads the environment and tries the key that seals before the first request; what is wrong ends the process with the variable named. */
export async function boot(): Promise<void> {
  try {
    const { config, log, keyring, db } = portal()
    if (!config.trustProxy) ignoreForwardedFor()
    await proveKeyring(keyring)
    log.info({ url: config.url, demo: config.demo, oidc: config.oidc?.issuer ?? null }, 'portal started')
    // The catalog's index is built before somebody waits for it; who asks earlier waits for the same one.
    const ctx = { db, actor: systemActor('portal'), now: new Date() }
    void listAgents(ctx, { limit: 1 }).catch((error: unknown) => log.warn({ err: error }, 'the catalog is read later'))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}
