import { portal } from './db.ts'

/** What the webhook commands need of this installation. */
export function webhookMeans() {
  const { config, keyring } = portal()
  return { secretBox: keyring, privateHosts: config.webhookPrivateHosts }
}
