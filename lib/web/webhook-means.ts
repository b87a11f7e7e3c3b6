import { createSecretBox } from '#lib/core/secret-box.ts'
import { portal } from './db.ts'

/** What the webhook commands need of this installation. */
export function webhookMeans() {
  const { config } = portal()
  return { secretBox: createSecretBox(config.encryptionKey), privateHosts: config.webhookPrivateHosts }
}
