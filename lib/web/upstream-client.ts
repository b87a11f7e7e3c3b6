import { paths } from '#lib/core/paths.ts'
import { clientMetadataOf, type PortalClient } from '#lib/upstreams/commands.ts'
import { portal } from './db.ts'

/** The portal as a client of the authorization servers of MCP servers. Only over https can they read its description. */
export function portalClient(): PortalClient {
  const { url } = portal().config
  return {
    redirectUrl: url + paths.upstreamCallback(),
    clientMetadataUrl: url.startsWith('https://') ? url + paths.upstreamClient() : null,
  }
}

/** The portal's Client ID Metadata Document. */
export function clientDocument() {
  const { url } = portal().config
  return { client_id: url + paths.upstreamClient(), client_uri: url, ...clientMetadataOf(portalClient()) }
}
