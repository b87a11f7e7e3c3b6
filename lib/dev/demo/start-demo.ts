import { join } from 'node:path'
import pg from 'pg'
import type { Log } from '#lib/log/log.ts'
import { demoServers, type DemoServerId } from './catalog.ts'
import { loadDeploys } from './data/load.ts'
import { openDeployLog } from './deploy-log.ts'
import { type Endpoint, startEndpoint } from './endpoint.ts'
import { billingHandlers } from './servers/billing-db.ts'
import { crmHandlers } from './servers/crm.ts'
import { deploysHandlers } from './servers/deploys.ts'
import { erpHandlers } from './servers/erp.ts'
import { invoicesHandlers } from './servers/invoices.ts'
import { ticketsHandlers } from './servers/tickets.ts'
import { createToolServer, type DemoServerParts } from './tool.ts'

export type DemoOptions = {
  host: string
  /** The port of the first server; 0 takes free ones. */
  port: number
  token: string
  /** Where writes are kept; `$WHEELHOUSE_HOME/demo`. */
  folder: string
  databaseUrl: string
  now: () => Date
  log: Log
}
export type Demo = { ports: Record<DemoServerId, number>; stop(): Promise<void> }

/** Starts all demo MCP servers, or none. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 2, application_name: 'wheelhouse-demo' })
  pool.on('error', (error) => options.log.warn({ err: error }, 'billing database connection failed'))
  const endpoints = new Map<DemoServerId, Endpoint>()

  async function stop(): Promise<void> {
    await Promise.all(endpoints.values().map((endpoint) => endpoint.stop()))
    await pool.end()
  }

  try {
    for (const [id, parts] of Object.entries(demoParts({ ...options, pool })) as [DemoServerId, DemoServerParts][]) {
      const { portOffset } = demoServers[id]
      const port = options.port === 0 ? 0 : options.port + portOffset
      endpoints.set(id, await startEndpoint({ ...options, name: id, port, factory: () => createToolServer(parts) }))
    }
  } catch (error) {
    await stop()
    throw error
  }
  const ports = Object.fromEntries(endpoints.entries().map(([id, endpoint]) => [id, endpoint.port]))
  return { ports: ports as Record<DemoServerId, number>, stop }
}

type Resources = { folder: string; now: () => Date; pool: pg.Pool }

function demoParts(resources: Resources): Record<DemoServerId, DemoServerParts> {
  let log: ReturnType<typeof openDeployLog> | undefined
  const openLog = () => (log ??= openDeployLog({ path: join(resources.folder, 'deploys.git'), initial: loadDeploys() }))
  return {
    invoices: parts(demoServers.invoices, invoicesHandlers(resources)),
    erp: parts(demoServers.erp, erpHandlers(resources)),
    tickets: parts(demoServers.tickets, ticketsHandlers(resources)),
    deploys: parts(demoServers.deploys, deploysHandlers({ log: openLog, now: resources.now })),
    'billing-db': parts(demoServers['billing-db'], billingHandlers(resources)),
    crm: parts(demoServers.crm, crmHandlers(resources)),
  }
}

function parts<T extends DemoServerParts['tools']>(
  { id, name, description, tools }: { id: string; name: string; description: string; tools: T },
  handlers: DemoServerParts<T>['handlers'],
): DemoServerParts {
  return { id, name, description, tools, handlers }
}
