import { portal } from './db.ts'

/** Reads the environment before the first request; a wrong one ends the process with every wrong variable named. */
export function boot(): void {
  try {
    const { config, log } = portal()
    log.info({ url: config.url, demo: config.demo, oidc: config.oidc?.issuer ?? null }, 'portal started')
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}
