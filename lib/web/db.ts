import { parsePortalConfig, type PortalConfig } from '#lib/config/portal.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { createKeyring, type Keyring } from '#lib/keys/commands.ts'
import { createLog, type Log } from '#lib/log/log.ts'

export type Portal = { config: PortalConfig; db: Db; log: Log; keyring: Keyring }

const holder = globalThis as typeof globalThis & { wheelhousePortal?: Portal }

/** The portal's one configuration, database client, log and keyring. They live on the global object, so that a hot reload does not open a second pool. */
export function portal(): Portal {
  holder.wheelhousePortal ??= open()
  return holder.wheelhousePortal
}

function open(): Portal {
  const config = parsePortalConfig(process.env)
  const log = createLog({ process: 'portal', level: config.logLevel })
  const db = createDb(config.databaseUrl)
  return { config, log, db, keyring: createKeyring(config.keys, db) }
}
