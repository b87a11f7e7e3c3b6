const scheme = 'wheelhouse'
const address = /^wheelhouse:([^:]+):(.*)$/s

/** Whose a name or an address of the merged endpoint is, and what it is called there. */
type OfServer = { serverId: string; own: string }

/**
 * The address of a server's resource on the merged endpoint: `wheelhouse:{server}:{address}`. What follows the prefix is the server's own,
 * letter by letter: nothing is encoded, so a template (RFC 6570) with the prefix expands to the merged address of what it expands to. Server
 * ids hold no colon, so no address can pass for one of another server; a path without a root is one no client normalizes.
 */
export function mergedAddress(serverId: string, own: string): string {
  return `${scheme}:${serverId}:${own}`
}

/** What a merged address means; null when it is none. */
export function splitAddress(merged: string): OfServer | null {
  const [, serverId, own] = address.exec(merged) ?? []
  return serverId === undefined || own === undefined ? null : { serverId, own }
}

/** The name of a server's prompt on the merged endpoint. The Messages API never sees it, so unlike that of a tool it is never cut. */
export function mergedPrompt(serverId: string, own: string): string {
  return `${serverId}__${own}`
}

/** What the merged name of a prompt means; null when it is none. */
export function splitPrompt(merged: string): OfServer | null {
  const split = merged.indexOf('__')
  return split > 0 ? { serverId: merged.slice(0, split), own: merged.slice(split + 2) } : null
}
