import { Agent, fetch as fetchWith } from 'undici'
import { type AddressKind, addressKind } from '#lib/core/address-kind.ts'
import { guardedLookup, refuseHost } from '#lib/core/guarded-lookup.ts'

export type GuardedFetch = {
  fetch: (url: string | URL, init?: RequestInit) => Promise<Response>
  /** What names were resolved to, with what each address is. */
  resolved: Map<string, AddressKind>
  close(): Promise<void>
}

export const connectMs = 5000
export const responseBytesMax = 4 * 1024 * 1024

/** What is shown at the connection, and whose certificate is taken there. */
export type ClientTls = { cert?: string; key?: string; ca?: string }

/** A fetch that connects to no link-local or metadata address and follows no redirect. */
export function guardedFetch(options: { allowLinkLocal: boolean; tls?: ClientTls | undefined }): GuardedFetch {
  const resolved = new Map<string, AddressKind>()
  const onResolved = (address: string, kind: AddressKind): void => void resolved.set(address, kind)
  const { allowLinkLocal, tls = {} } = options
  const lookup = guardedLookup({ allowLinkLocal, onResolved })
  const agent = new Agent({ connect: { timeout: connectMs, lookup, ...tls }, maxResponseSize: responseBytesMax })
  return {
    resolved,
    async fetch(url, init) {
      const { hostname } = new URL(url)
      if (!allowLinkLocal) refuseHost(url)
      const literal = addressKind(hostname)
      if (literal) resolved.set(hostname.replace(/^\[|\]$/g, ''), literal)
      const response = await fetchWith(url, { ...(init as object), redirect: 'manual', dispatcher: agent })
      return response as unknown as Response
    },
    close: () => agent.destroy(),
  }
}
