import { type AppServer, type ClientDocuments, createClientDocuments } from '#lib/auth/commands/app-clients.ts'
import { portal } from './db.ts'

const holder = globalThis as typeof globalThis & { wheelhouseClientDocuments?: ClientDocuments }

/** The portal as the authorization server of people's apps. Its connections to where apps describe themselves are one for the process. */
export function appServer(): AppServer {
  const { url, brokerUrl } = portal().config
  const documents = (holder.wheelhouseClientDocuments ??= createClientDocuments())
  return { issuer: url, resource: `${brokerUrl}/mcp/registry`, documents }
}
