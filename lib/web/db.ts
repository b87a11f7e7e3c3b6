import { parsePortalConfig, type PortalConfig } from '#lib/config/portal.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { createLog, type Log } from '#lib/log/log.ts'

type Resources = { config: PortalConfig; db: Db; log: Log }

const holder = globalThis as typeof globalThis & { wheelhousePortal?: Resources }

/** The portal's one configuration, database client and log. They live on the global object, so that a hot reload does not open a second pool. */
export function portal(): Resources {
  holder.wheelhousePortal ??= open()
  return holder.wheelhousePortal
}

function open(): Resources {
  const config = parsePortalConfig(process.env)
  const log = createLog({ process: 'portal', level: config.logLevel })
  return { config, log, db: createDb(config.databaseUrl) }
}
